"""Keycloak's bearer tokens at both APIs: whose they are, which are refused, and why."""

from __future__ import annotations

import time
from typing import Any

import pytest

from accounts.clients.models import ApiClient
from accounts.models import User
from accounts.sign_in import id_tokens
from credits.ledger import operations as ledger
from dev.keycloak.server import Keycloak
from tests.credits.builders import grant
from tests.keycloak.tokens import call, refresh, token_of_service, token_of_user
from tests.support.builders import put_on_sale

BALANCE = "/billing/credits/balance"
BUYER_SUB = "00000000-0000-4000-8000-0000000000b1"


@pytest.fixture
def site(live_server: Any) -> str:
    return str(live_server.url)


@pytest.fixture
def account(db: None) -> str:
    user = User.objects.create(username="buyer", oidc_sub=BUYER_SUB)
    opened = ledger.open_account(user)
    grant(opened, 100)
    return str(opened.pk)


def test_a_users_token_buys(keycloak: Keycloak, site: str) -> None:
    put_on_sale()
    token = token_of_user(keycloak)["access_token"]

    started = call(site, "/billing/credits/purchase", token, {"package_code": "starter"})
    assert started.status_code == 201, started.text
    user = User.objects.get()
    assert (user.oidc_sub, user.email) == (BUYER_SUB, "buyer@example.com")


def test_roles_in_a_bearer_token_count_as_at_a_sign_in(keycloak: Keycloak, site: str) -> None:
    assert call(site, BALANCE, token_of_user(keycloak, "fiona")["access_token"]).status_code == 200

    user = User.objects.get()
    assert (user.is_staff, user.groups.get().name) == (True, "finance")


def test_a_token_is_refused_once_expired_and_its_refreshed_one_is_good(
    keycloak: Keycloak, site: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the half minute by which clocks may differ, which a test would have to wait."""
    monkeypatch.setattr(id_tokens, "LEEWAY_S", 0)
    tokens = token_of_user(keycloak, client="hasty")
    assert call(site, BALANCE, tokens["access_token"]).status_code == 200
    time.sleep(tokens["expires_in"] + 1)

    expired = call(site, BALANCE, tokens["access_token"])
    assert expired.status_code == 401
    assert 'error="invalid_token"' in expired.headers["WWW-Authenticate"]
    renewed = refresh(keycloak, tokens, "hasty")["access_token"]
    assert call(site, BALANCE, renewed).status_code == 200


@pytest.mark.parametrize(
    ("client", "reason"),
    [
        ("stranger", "InvalidAudienceError"),
        ("light", "no_aud"),
        ("elliptic", "InvalidAlgorithmError"),
    ],
)
def test_a_token_is_refused_for_the_reason_that_the_log_gives(
    keycloak: Keycloak, site: str, client: str, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    assert call(site, BALANCE, token_of_user(keycloak, client=client)["access_token"]).status_code == 401

    assert reason in caplog.text
    assert not User.objects.exists()


def test_an_id_token_opens_no_api(keycloak: Keycloak, site: str) -> None:
    assert call(site, BALANCE, token_of_user(keycloak)["id_token"]).status_code == 401


def test_a_service_with_the_role_is_registered_by_its_first_call_and_spends(
    keycloak: Keycloak, site: str, account: str
) -> None:
    token = token_of_service(keycloak)
    order = {"account": account, "amount": "2.5", "reference": "A report"}

    spent = call(site, "/credits/spends", token, order, **{"Idempotency-Key": "report-1"})
    assert (spent.status_code, spent.json()["balance_after"]) == (201, "97.5"), spent.text
    client = ApiClient.objects.get()
    assert (client.oidc_client_id, client.is_active) == ("service", True)


def test_a_service_without_the_role_is_refused_until_staff_register_it(
    keycloak: Keycloak, site: str, account: str, caplog: pytest.LogCaptureFixture
) -> None:
    token, path = token_of_service(keycloak, "unregistered"), f"/credits/accounts/{account}/balance"

    refused = call(site, path, token)
    assert (refused.status_code, refused.json()["code"]) == (403, "unknown_client")
    assert "no_service_role" in caplog.text
    ApiClient.objects.create(name="By hand", oidc_client_id="unregistered", scopes=["read"])
    assert call(site, path, token).status_code == 200


def test_users_and_services_have_an_api_each(keycloak: Keycloak, site: str, account: str) -> None:
    of_user, of_service = token_of_user(keycloak)["access_token"], token_of_service(keycloak)

    refused = call(site, BALANCE, of_service)
    assert (refused.status_code, refused.json()["code"]) == (403, "client_token"), refused.text
    refused = call(site, f"/credits/accounts/{account}/balance", of_user)
    assert (refused.status_code, refused.json()["code"]) == (403, "person_token"), refused.text
