"""The sandbox's OpenID provider itself: Keycloak's shape, its refusals, its sign-in page, its controls."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import jwt
import pytest
import requests

from tests.accounts.browsers import Browser
from tests.support.sandbox import Sandbox

DEFAULT_ROLES = ["default-roles-demo", "offline_access", "uma_authorization"]
VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
REQUEST = {
    "client_id": "credits-web",
    "response_type": "code",
    "scope": "openid email profile",
    "redirect_uri": "http://localhost:8000/oidc/callback/",
    "state": "some-state",
    "nonce": "some-nonce",
    "code_challenge": "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",  # RFC 7636, appendix B
    "code_challenge_method": "S256",
}


@pytest.fixture
def visitor(provider: Sandbox) -> Iterator[Browser]:
    browser = Browser(f"{provider.url}/realms/demo/protocol/openid-connect/")
    yield browser
    browser.http.close()


def authorize(visitor: Browser, follow: bool = True, **changes: Any) -> requests.Response:
    query = {name: value for name, value in {**REQUEST, **changes}.items() if value is not None}
    return visitor.get("auth", params=query, allow_redirects=follow)


def sign_in(visitor: Browser, **changes: Any) -> str:
    """The address that the provider sends a signed-in browser to."""
    visitor.submit(authorize(visitor), follow=False, username="buyer", password="buyer")
    return authorize(visitor, follow=False, **changes).headers["Location"]


def test_the_configuration_names_keycloaks_addresses(provider: Sandbox) -> None:
    found = provider.get("/realms/demo/.well-known/openid-configuration")
    issuer = f"{provider.url}/realms/demo"

    assert found["issuer"] == issuer
    assert found["authorization_endpoint"] == f"{issuer}/protocol/openid-connect/auth"
    assert found["token_endpoint"] == f"{issuer}/protocol/openid-connect/token"
    assert found["jwks_uri"] == f"{issuer}/protocol/openid-connect/certs"
    assert found["end_session_endpoint"] == f"{issuer}/protocol/openid-connect/logout"


def test_tokens_say_what_keycloaks_say(visitor: Browser, provider: Sandbox) -> None:
    code = sign_in(visitor).split("code=")[1].split("&")[0]
    answer = requests.post(
        f"{visitor.site}token",
        {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": REQUEST["redirect_uri"],
            "code_verifier": VERIFIER,
        },
        auth=("credits-web", "credits-web-secret"),
        timeout=10,
    ).json()

    keys = jwt.PyJWKClient(f"{visitor.site}certs")
    access = _decode(keys, answer["access_token"], "credits")
    assert (access["azp"], access["typ"], access["preferred_username"]) == ("credits-web", "Bearer", "buyer")
    assert access["realm_access"] == {"roles": DEFAULT_ROLES}
    identity = _decode(keys, answer["id_token"], "credits-web")
    assert (identity["nonce"], identity["typ"], identity["sub"]) == ("some-nonce", "ID", access["sub"])
    assert "realm_access" not in identity
    userinfo = requests.get(
        f"{visitor.site}userinfo", headers={"Authorization": f"Bearer {answer['access_token']}"}, timeout=10
    ).json()
    assert (userinfo["sub"], userinfo["email"]) == (access["sub"], "buyer@example.com")


@pytest.mark.parametrize(
    "uri",
    [
        "https://evil.example/oidc/callback/",
        "http://localhost.evil.example/oidc/callback/",
        "http://localhost:8000@evil.example/oidc/callback/",
        "http://localhost:8000/elsewhere/",
    ],
)
def test_a_foreign_redirect_uri_is_refused_before_anyone_signs_in(visitor: Browser, uri: str) -> None:
    answer = authorize(visitor, redirect_uri=uri, follow=False)

    assert answer.status_code == 400
    assert "was refused" in answer.text


@pytest.mark.parametrize(
    "uri", ["http://127.0.0.1:5/oidc/callback/", "http://localhost:65000/oidc/callback/"]
)
def test_any_local_port_may_be_the_application(visitor: Browser, uri: str) -> None:
    assert "/login-actions/authenticate" in authorize(visitor, redirect_uri=uri).url


@pytest.mark.parametrize("changes", [{"code_challenge": None}, {"code_challenge_method": "plain"}])
def test_a_request_without_s256_is_refused(visitor: Browser, changes: dict[str, Any]) -> None:
    location = sign_in(visitor, **changes)

    assert location.startswith("http://localhost:8000/oidc/callback/?error=invalid_request")


def test_a_silent_request_without_a_session_is_login_required(visitor: Browser) -> None:
    location = authorize(visitor, follow=False, prompt="none").headers["Location"]

    assert "error=login_required" in location
    assert "state=some-state" in location


def test_a_silent_request_with_a_session_gives_a_code(visitor: Browser) -> None:
    assert "code=" in sign_in(visitor)
    assert "code=" in authorize(visitor, follow=False, prompt="none").headers["Location"]


def test_a_wrong_password_is_a_clear_error(visitor: Browser) -> None:
    page = visitor.submit(authorize(visitor), username="buyer", password="wrong")

    assert page.status_code == 200
    assert "Invalid username or password." in page.text


def test_the_sign_in_page_says_what_it_is_and_runs_no_script(visitor: Browser) -> None:
    page = authorize(visitor).text

    assert "Local stand-in for your OpenID provider" in page
    assert "<script" not in page
    for name in ("buyer", "buyer2", "staff"):
        assert f'name="username" value="{name}"' in page


def test_a_logout_without_a_hint_asks_first(visitor: Browser) -> None:
    sign_in(visitor)
    page = visitor.get("logout", params={"client_id": "credits-web"})

    assert "Sign out?" in page.text
    assert "code=" in authorize(visitor, follow=False).headers["Location"]


def test_a_logout_never_leads_to_a_foreign_site(visitor: Browser) -> None:
    answer = visitor.get(
        "logout",
        params={"client_id": "credits-web", "post_logout_redirect_uri": "https://evil.example/"},
        allow_redirects=False,
    )

    assert answer.status_code == 400


def test_a_reset_puts_people_back(provider: Sandbox) -> None:
    provider.post("/_sandbox/openid/users", {"username": "staff", "roles": [], "email": "x@example.com"})
    provider.post("/_sandbox/openid/users", {"username": "new"})
    provider.post("/_sandbox/reset")

    claims = jwt.decode(provider.mint("staff")["access_token"], options={"verify_signature": False})
    assert claims["realm_access"]["roles"] == [*DEFAULT_ROLES, "staff", "admin"]
    assert claims["email"] == "staff@example.com"
    answer = requests.post(f"{provider.url}/_sandbox/openid/token", json={"username": "new"}, timeout=10)
    assert answer.status_code == 400


def test_a_wish_that_does_not_exist_is_an_error(provider: Sandbox) -> None:
    orders: list[tuple[str, Any]] = [
        ("token", {"username": "buyer", "exipres_in": 1}),
        ("users", {"username": "buyer", "role": []}),
        ("next", {"idtoken": {}}),
    ]
    for path, body in orders:
        answer = requests.post(f"{provider.url}/_sandbox/openid/{path}", json=body, timeout=10)
        assert answer.status_code == 400


def _decode(keys: jwt.PyJWKClient, token: str, audience: str) -> dict[str, Any]:
    key = keys.get_signing_key_from_jwt(token)
    return jwt.decode(token, key, algorithms=["RS256"], audience=audience)
