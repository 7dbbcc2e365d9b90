"""The realm of the file, as Keycloak has it after importing it."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from dev.keycloak.realm import WEB_CLIENT
from dev.keycloak.server import Keycloak

CHALLENGE = {"code_challenge": "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM", "code_challenge_method": "S256"}


def authorize(keycloak: Keycloak, redirect_uri: str, **query: str) -> requests.Response:
    """The first step of a sign-in."""
    asked = {
        "client_id": WEB_CLIENT,
        "response_type": "code",
        "scope": "openid",
        "redirect_uri": redirect_uri,
    }
    address = f"{keycloak.issuer}/protocol/openid-connect/auth"
    return requests.get(address, {**asked, **query}, timeout=30, allow_redirects=False)


def test_only_the_sites_callback_with_a_challenge_gets_a_sign_in_page(
    keycloak: Keycloak, live_server: Any
) -> None:
    callback = f"{live_server.url}/oidc/callback/"

    assert authorize(keycloak, callback, **CHALLENGE).status_code == 200
    assert authorize(keycloak, "https://evil.example/oidc/callback/", **CHALLENGE).status_code == 400
    without = authorize(keycloak, callback)
    assert parse_qs(urlsplit(without.headers["Location"]).query)["error"] == ["invalid_request"]
    plain = authorize(keycloak, callback, **{**CHALLENGE, "code_challenge_method": "plain"})
    assert parse_qs(urlsplit(plain.headers["Location"]).query)["error"] == ["invalid_request"]


@pytest.mark.parametrize("language", ["de", "fr", "es", "ar"])
def test_the_sign_in_page_speaks_the_sites_languages(
    keycloak: Keycloak, live_server: Any, language: str
) -> None:
    page = authorize(keycloak, f"{live_server.url}/oidc/callback/", ui_locales=language, **CHALLENGE)

    assert f'lang="{language}"' in page.text
