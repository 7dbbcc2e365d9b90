"""Keycloak's keys are rotated while the site runs."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Any

import jwt
import pytest
from playwright.sync_api import Page, expect

from accounts.sign_in import provider_keys
from dev.keycloak.server import Keycloak
from tests.keycloak.administration import Administration
from tests.keycloak.tokens import call, token_of_service, token_of_user

BALANCE = "/billing/credits/balance"
NO_ACCOUNT = "/credits/accounts/00000000-0000-4000-8000-000000000000/balance"


@pytest.mark.browser
def test_who_signed_in_before_a_key_was_withdrawn_can_still_sign_out(
    sign_in: Callable[..., Page], administration: Administration
) -> None:
    """Keycloak refuses an ID token that it can't verify as a hint; without one it asks."""
    administration.log_out("buyer2")
    page = sign_in("buyer2")
    former = administration.signing_key()
    administration.add_signing_key(priority=150)
    administration.disable_key(former)
    provider_keys.forget_keys()

    page.get_by_role("button", name="Sign out").click()
    page.get_by_role("button", name="Logout").click()
    expect(page).to_have_url(re.compile("/accounts/login/$"))
    assert administration.sessions_of("buyer2") == []


def test_a_new_key_counts_without_a_restart_and_a_withdrawn_one_no_more(
    keycloak: Keycloak, administration: Administration, live_server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = live_server.url

    def ask(token: str) -> int:
        return call(site, BALANCE, token).status_code

    def ask_as_service(token: str) -> int:
        """404, as there is no such account, if the token is good."""
        return call(site, NO_ACCOUNT, token).status_code

    old = token_of_user(keycloak)["access_token"]
    old_of_service = token_of_service(keycloak)
    assert (ask(old), ask_as_service(old_of_service)) == (200, 404)
    former = administration.signing_key()

    administration.add_signing_key(priority=200)
    new = token_of_user(keycloak)["access_token"]
    assert jwt.get_unverified_header(new)["kid"] != jwt.get_unverified_header(old)["kid"]
    time.sleep(provider_keys.REFETCH_INTERVAL_S)
    assert [ask(new), ask(old)] == [200, 200]

    administration.disable_key(former)
    clock = time.monotonic
    later = provider_keys.MAX_AGE_S + 1
    monkeypatch.setattr("accounts.sign_in.provider_keys.time.monotonic", lambda: clock() + later)
    assert [ask(old), ask(new)] == [401, 200]
    assert ask_as_service(old_of_service) == 401, "though it was verified before"
    assert ask_as_service(token_of_service(keycloak)) == 404
