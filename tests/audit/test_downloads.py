"""Who takes data out is on record before the first byte is."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from accounts.audit.context import acting
from accounts.audit.models import AuditEntry
from accounts.audit.recording import record_act
from accounts.models import User
from billing.purchases.models import Purchase
from tests.audit.entries import assert_origin, latest
from tests.support.builders import UserFactory

pytestmark = pytest.mark.django_db


def test_a_download_is_on_record_before_its_first_byte(as_superuser: Client, superuser: User) -> None:
    answer: Any = as_superuser.get("/admin/purchases/purchase/download/")

    entry = latest("purchases.purchase")
    assert (entry.act, entry.beside) == ("downloaded", {"file": "purchases"})
    assert_origin(entry, superuser, "/admin/purchases/purchase/download/")
    assert b"".join(answer.streaming_content).startswith(b"purchase,")


def test_a_table_of_the_front_page_is_on_record_with_its_days(as_superuser: Client, superuser: User) -> None:
    assert as_superuser.get(reverse("figures-file", args=["figures"]), {"period": "30"}).status_code == 200

    entry = latest("purchases.purchase")
    assert (entry.act, entry.beside) == ("downloaded", {"file": "figures", "period": "30"})
    assert_origin(entry, superuser, reverse("figures-file", args=["figures"]))


def test_who_may_not_download_leaves_no_entry() -> None:
    nobody = Client()
    assert nobody.get("/admin/purchases/purchase/download/").status_code == 302
    assert not AuditEntry.objects.filter(act="downloaded").exists()


def test_an_act_elsewhere_names_who_the_caller_says() -> None:
    user: User = UserFactory.create()
    with acting(user, "own_data"):
        record_act("exported", user, {"from": "2026-11-01"})

    entry = latest("accounts.user")
    assert (entry.act, entry.object_id, entry.actor_id) == ("exported", str(user.pk), user.pk)
    assert (entry.cause, entry.beside) == ("own_data", {"from": "2026-11-01"})


def test_an_act_that_nobody_answers_for_says_so() -> None:
    record_act("downloaded", Purchase)
    entry = latest("purchases.purchase")
    assert (entry.actor_id, entry.cause, entry.request_id, entry.address, entry.page) == (
        None,
        "",
        "",
        "",
        "",
    )
    assert entry.database_role
