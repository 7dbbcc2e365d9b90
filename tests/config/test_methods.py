"""HEAD is answered wherever GET is (RFC 9110, section 9.3.2): link checkers and monitors ask by it."""

from __future__ import annotations

import pytest
from django.urls import Resolver404, resolve

from accounts.models import User
from tests.billing.calling import browser_of
from tests.config.routes import every_route
from tests.support.builders import UserFactory

pytestmark = pytest.mark.django_db


def test_the_walk_finds_the_sites_own_addresses_and_those_of_its_libraries() -> None:
    found = dict(every_route())
    for address in (
        "/credits/",
        "/credits/buy",
        "/oidc/callback/",
        "/health/live",
        "/admin/accounts/user/",
        "/api/v1/billing/credits/packages",
    ):
        assert address in found
    assert len(found) > 150
    for address in found:
        try:
            resolve(address)
        except Resolver404:
            pytest.fail(f"{address} leads nowhere")


def test_head_is_answered_wherever_get_is() -> None:
    """By a superuser, who comes past every door. Of dj-stripe's admin, whose pages are all alike, one is enough."""
    user: User = UserFactory.create(is_staff=True, is_superuser=True)
    client = browser_of(user)
    refused = []
    for address, _view in every_route():
        if address.startswith("/admin/djstripe/") and "/product/" not in address:
            continue
        if client.head(address).status_code == 405 and client.get(address).status_code != 405:
            refused.append(address)
    assert refused == []
