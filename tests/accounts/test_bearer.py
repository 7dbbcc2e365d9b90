"""Bearer tokens at the API: who gets in, who gets which refusal, and no network."""

from __future__ import annotations

import base64
import time
from typing import Any

import pytest
import requests
from django.test import Client
from pytest_django import DjangoAssertNumQueries, Settings

from accounts.models import User
from accounts.sign_in.bearer import is_of_a_client
from tests.accounts.forgeries import FORGED
from tests.support.sandbox import Sandbox

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.accounts.urls")]

CHALLENGE = 'Bearer realm="credits"'
INVALID = 'Bearer realm="credits", error="invalid_token"'


def ask(client: Client, token: str, scheme: str = "Bearer") -> Any:
    return client.get("/whoami/", headers={"Authorization": f"{scheme} {token}"})


def test_a_persons_token_gets_in_and_makes_the_user(client: Client, provider: Sandbox) -> None:
    answer = ask(client, provider.mint("staff")["access_token"])

    assert (answer.status_code, answer.json()) == (200, {"username": "staff"})
    user = User.objects.get()
    assert (user.oidc_sub, user.email) == ("00000000-0000-4000-8000-0000000000a1", "staff@example.com")
    assert (user.is_staff, user.is_superuser) == (True, True)


@pytest.mark.parametrize("forgery", FORGED.values(), ids=FORGED.keys())
def test_a_wrong_token_is_401_and_makes_nobody(
    client: Client, provider: Sandbox, forgery: dict[str, Any]
) -> None:
    answer = ask(client, provider.mint("staff", **forgery)["access_token"])

    assert answer.status_code == 401
    assert answer["WWW-Authenticate"] == INVALID
    assert not User.objects.exists()


def test_an_id_token_opens_no_api_even_with_its_audience(
    client: Client, provider: Sandbox, settings: Settings
) -> None:
    settings.OIDC_API_AUDIENCE = "credits-web"

    assert ask(client, provider.mint("buyer")["id_token"]).status_code == 401


@pytest.mark.parametrize(
    "header", ["Bearer", "Bearer ", "Bearer x", "bearer a b", "Bearer \xff", "Bearer ..."]
)
def test_a_bearer_header_that_is_no_token_is_401(client: Client, header: str) -> None:
    answer = client.get("/whoami/", HTTP_AUTHORIZATION=header)

    assert answer.status_code == 401
    assert answer["WWW-Authenticate"] == INVALID


def test_a_wrong_token_never_falls_through_to_the_session(client: Client) -> None:
    client.force_login(User.objects.create_user("someone"), "django.contrib.auth.backends.ModelBackend")
    assert client.get("/whoami/").json() == {"username": "someone"}

    assert ask(client, "junk").status_code == 401


def test_without_a_token_the_401_names_the_scheme_and_no_error(client: Client) -> None:
    answer = client.get("/whoami/")

    assert answer.status_code == 401
    assert answer["WWW-Authenticate"] == CHALLENGE


def test_a_few_seconds_between_the_clocks_are_forgiven(client: Client, provider: Sandbox) -> None:
    soon = int(time.time()) + 20
    assert ask(client, provider.mint(claims={"iat": soon})["access_token"]).status_code == 200
    assert ask(client, provider.mint(expires_in=-20)["access_token"]).status_code == 200


def test_a_disabled_person_is_401(client: Client, provider: Sandbox) -> None:
    token = provider.mint("buyer")["access_token"]
    ask(client, token)
    User.objects.update(is_active=False)
    answer = ask(client, token)

    assert answer.status_code == 401
    assert "disabled" in answer.content.decode()


def test_a_clients_token_is_403_and_makes_nobody(client: Client, provider: Sandbox) -> None:
    answer = requests.post(
        f"{provider.url}/realms/demo/protocol/openid-connect/token",
        {"grant_type": "client_credentials"},
        auth=("service", "service"),
        timeout=10,
    )
    refusal = ask(client, answer.json()["access_token"])

    assert refusal.status_code == 403
    assert "Use a user’s token" in refusal.content.decode()
    assert not User.objects.exists()


@pytest.mark.parametrize(
    ("claims", "expected"),
    [
        ({"sub": "1", "azp": "web", "preferred_username": "ann", "sid": "s"}, False),
        ({"sub": "1", "azp": "web", "client_id": "web", "sid": "s"}, False),
        ({"sub": "1", "azp": "web", "typ": "Bearer", "session_state": "s"}, False),
        ({"azp": "web", "typ": "Bearer", "sid": "s"}, False),
        ({"sub": "1", "azp": "web", "client_id": "web", "preferred_username": "ann"}, False),
        ({"sub": "1", "azp": "svc", "typ": "Bearer"}, True),
        ({"azp": "svc", "typ": "Bearer"}, True),
        (
            {"sub": "1", "azp": "svc", "typ": "Bearer", "client_id": "svc", "preferred_username": "robot"},
            True,
        ),
        (
            {
                "sub": "1",
                "azp": "svc",
                "preferred_username": "Robot",
                "clientAddress": "10.0.0.1",
                "sid": "s",
            },
            True,
        ),
        ({"sub": "1", "azp": "svc", "preferred_username": "Service-Account-Svc", "sid": "s"}, True),
        ({"sub": "1", "azp": "svc", "preferred_username": "service-account-svc"}, True),
        ({"sub": "1", "azp": "svc", "client_id": "svc"}, True),
        ({"sub": "svc", "client_id": "svc"}, True),
        ({"sub": "svc", "azp": "svc", "preferred_username": "ann"}, True),
    ],
)
def test_a_token_is_a_clients_when_nobody_stands_behind_it(claims: dict[str, str], expected: bool) -> None:
    assert is_of_a_client(claims) is expected


def test_an_access_token_with_the_nonce_of_its_sign_in_gets_in(client: Client, provider: Sandbox) -> None:
    """Keycloak puts it there before its version 24, and later where a mapper says so."""
    token = provider.mint("buyer", claims={"nonce": "n"})["access_token"]

    assert ask(client, token).json() == {"username": "buyer"}


def test_a_token_without_a_subject_is_401_and_the_log_says_what_to_do(
    client: Client, provider: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    lightweight = dict.fromkeys(["sub", "preferred_username", "name", "email", "realm_access"])
    for claims in ({"sub": None}, lightweight):
        assert ask(client, provider.mint("staff", claims=claims)["access_token"]).status_code == 401
        assert "scope basic" in caplog.text
        caplog.clear()
    assert not User.objects.exists()


@pytest.mark.parametrize(("audience", "reason"), [(None, "no_aud"), ("account", "InvalidAudienceError")])
def test_a_token_for_another_api_is_401_and_the_log_says_what_to_do(
    client: Client,
    provider: Sandbox,
    audience: str | None,
    reason: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    token = provider.mint("buyer", claims={"aud": audience})["access_token"]

    assert ask(client, token).status_code == 401
    assert f"'reason': '{reason}'" in caplog.text
    assert "a mapper of type Audience" in caplog.text


@pytest.mark.parametrize("missing", [{}, {"preferred_username": None}, {"client_id": None}, {"sub": None}])
def test_a_service_account_is_no_person_whichever_mappers_are_left(
    client: Client, provider: Sandbox, missing: dict[str, None]
) -> None:
    token = provider.post("/_sandbox/openid/token", {"client": "service", "claims": missing})["access_token"]

    assert ask(client, token).status_code == 403
    assert not User.objects.exists()


def test_a_header_nested_too_deep_is_401(client: Client) -> None:
    """It is read before any signature is looked at."""
    nested = b'{"alg":"RS256","kid":' + b"[" * 2000 + b"]" * 2000 + b"}"
    token = f"{base64.urlsafe_b64encode(nested).rstrip(b'=').decode()}.e30.AAAA"

    assert ask(client, token).status_code == 401


def test_unreachable_keys_are_503_with_a_time_to_wait(
    client: Client, provider: Sandbox, settings: Settings
) -> None:
    settings.OIDC_OP_JWKS_ENDPOINT = "http://127.0.0.1:9/closed"
    client.raise_request_exception = False
    answer = ask(client, provider.mint()["access_token"])

    assert answer.status_code == 503
    assert answer["Retry-After"] == "5"


def test_a_known_person_costs_one_query_and_no_network(
    client: Client,
    provider: Sandbox,
    django_assert_num_queries: DjangoAssertNumQueries,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    token = provider.mint("buyer")["access_token"]
    ask(client, token)
    monkeypatch.setattr(requests, "get", lambda *args, **kwargs: pytest.fail("asked the provider"))

    with django_assert_num_queries(1):
        assert ask(client, token).status_code == 200


def test_a_token_without_an_email_leaves_the_email(client: Client, provider: Sandbox) -> None:
    ask(client, provider.mint("buyer")["access_token"])
    ask(client, provider.mint("buyer", claims={"email": None, "given_name": "Bess"})["access_token"])

    user = User.objects.get()
    assert (user.email, user.first_name) == ("buyer@example.com", "Bess")


def test_with_no_provider_every_bearer_token_is_401(
    client: Client, provider: Sandbox, settings: Settings
) -> None:
    token = provider.mint()["access_token"]
    settings.OIDC_ISSUER = ""

    assert ask(client, token).status_code == 401
