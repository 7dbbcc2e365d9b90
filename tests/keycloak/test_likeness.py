"""The sandbox's tokens have what Keycloak's have, so that what the other tests show with them holds."""

from __future__ import annotations

from typing import Any

import jwt
import pytest

from dev.keycloak.server import Keycloak
from tests.keycloak.tokens import token_of_service, token_of_user
from tests.support.api_clients import token_of_service as token_of_sandbox_service
from tests.support.sandbox import Sandbox


def read(token: str) -> dict[str, Any]:
    claims: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    return claims


def shape(claims: dict[str, Any]) -> dict[str, type]:
    return {name: type(value) for name, value in claims.items()}


def scopes(claims: dict[str, Any]) -> set[str]:
    """In any order: Keycloak's differs from token to token."""
    return set(claims.get("scope", "").split())


@pytest.mark.parametrize("kind", ["access_token", "id_token"])
def test_a_users_tokens_are_alike(keycloak: Keycloak, sandbox: Sandbox, kind: str) -> None:
    real, local = read(token_of_user(keycloak, "staff")[kind]), read(sandbox.mint("staff")[kind])

    real.pop("at_hash", None)  # the sandbox has it in a sign-in's
    assert shape(local) == shape(real)
    same = ("typ", "sub", "preferred_username", "email", "email_verified", "resource_access")
    assert [local.get(name) for name in same] == [real.get(name) for name in same]
    assert scopes(local) == scopes(real)
    assert kind == "id_token" or sorted(local["realm_access"]["roles"]) == sorted(
        role.replace(keycloak.realm, "demo") for role in real["realm_access"]["roles"]
    )


def test_a_services_tokens_are_alike(keycloak: Keycloak, sandbox: Sandbox) -> None:
    real, local = read(token_of_service(keycloak)), read(token_of_sandbox_service(sandbox))

    assert shape(local) == shape(real)
    same = ("aud", "azp", "client_id", "preferred_username", "realm_access")
    assert [local[name] for name in same] == [real[name] for name in same]
    assert scopes(local) == scopes(real)
