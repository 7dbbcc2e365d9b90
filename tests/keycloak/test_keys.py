"""Keycloak's keys are rotated while the site runs."""

from __future__ import annotations

import time
from typing import Any

import jwt
import pytest

from accounts.sign_in import provider_keys
from dev.keycloak.server import Keycloak
from tests.keycloak.administration import Administration
from tests.keycloak.tokens import call, token_of_service, token_of_user

BALANCE = "/billing/credits/balance"


def test_a_new_key_counts_without_a_restart_and_a_withdrawn_one_no_more(
    keycloak: Keycloak, administration: Administration, live_server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = live_server.url

    def ask(token: str) -> int:
        return call(site, BALANCE, token).status_code

    old = token_of_user(keycloak)["access_token"]
    old_of_service = token_of_service(keycloak)
    assert ask(old) == 200
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
    path = "/credits/accounts/00000000-0000-4000-8000-000000000000/balance"
    assert call(site, path, old_of_service).status_code == 401
    assert call(site, path, token_of_service(keycloak)).status_code == 404
