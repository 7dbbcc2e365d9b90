"""The permissions of buttons are checked before there is a database: the tests here have none."""

from __future__ import annotations

import pytest
from django.contrib import admin
from django.core.checks import run_checks
from django.http import HttpRequest
from unfold.decorators import action

from billing.admin.purchases.purchases import PurchaseAdmin
from billing.purchases.models import Purchase


def test_every_button_needs_a_permission_that_exists() -> None:
    assert run_checks(tags=["admin"]) == []


@pytest.mark.parametrize("permission", ["purchases.no_such_thing", "no_such_method"])
def test_a_permission_that_does_not_exist_is_an_error(permission: str) -> None:
    class MisspeltAdmin(PurchaseAdmin):
        actions_detail = ["press"]

        @action(description="Press", permissions=[permission])  # type: ignore[untyped-decorator]  # unfold is untyped
        def press(self, request: HttpRequest, object_id: str) -> None:
            """Never pressed."""

    found = MisspeltAdmin(Purchase, admin.site).check()

    assert [(error.id, permission in error.msg) for error in found] == [("backoffice.E001", True)]
