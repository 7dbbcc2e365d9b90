"""Tokens that Keycloak issues, and calls with them."""

from __future__ import annotations

from typing import Any

import requests

from dev.keycloak.realm import SECRETS
from dev.keycloak.server import Keycloak
from tests.keycloak.installation import SECRET


def token_of_user(keycloak: Keycloak, username: str = "buyer", client: str = "app") -> dict[str, Any]:
    """The answer for a user: ``access_token``, ``refresh_token`` and, as ``openid`` was asked for, ``id_token``."""
    form = {"grant_type": "password", "username": username, "password": username, "scope": "openid"}
    return _ask(keycloak, client, form)


def refresh(keycloak: Keycloak, tokens: dict[str, Any], client: str = "app") -> dict[str, Any]:
    return _ask(keycloak, client, {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]})


def token_of_service(keycloak: Keycloak, client: str = "service") -> str:
    return str(_ask(keycloak, client, {"grant_type": "client_credentials"})["access_token"])


def call(site: str, path: str, token: str, body: Any = None, **headers: str) -> requests.Response:
    """A GET or, with a body, a POST to one of the APIs."""
    method = "GET" if body is None else "POST"
    headers = {"Authorization": f"Bearer {token}", **headers}
    return requests.request(method, f"{site}/api/v1{path}", json=body, headers=headers, timeout=30)


def _ask(keycloak: Keycloak, client: str, form: dict[str, str]) -> dict[str, Any]:
    address = f"{keycloak.issuer}/protocol/openid-connect/token"
    secret = {**SECRETS, "unregistered": SECRET}.get(client, "")
    answer = requests.post(address, {**form, "client_id": client, "client_secret": secret}, timeout=30)
    assert answer.ok, f"{form['grant_type']} by {client}: {answer.status_code} {answer.text}"
    tokens: dict[str, Any] = answer.json()
    return tokens
