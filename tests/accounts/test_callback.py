"""Whatever comes back from the provider: a page with a clear message, nobody signed in, no secret logged."""

from __future__ import annotations

import logging
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.contrib.sessions.backends.db import SessionStore
from django.test import Client
from pytest_django import Settings

from accounts.models import User
from tests.accounts.browsers import Browser
from tests.support.sandbox import Sandbox

pytestmark = pytest.mark.django_db(transaction=True)

NOT_VALID = "sent an invalid response"
UNREACHABLE = "can’t be reached"
START_AGAIN = "Please start again"

FORGED_ID_TOKENS: dict[str, dict[str, Any]] = {
    "another audience": {"claims": {"aud": "someone-else"}},
    "several audiences and no authorized party": {"claims": {"aud": ["credits-web", "other"], "azp": None}},
    "several audiences and another authorized party": {"claims": {"aud": ["credits-web", "x"], "azp": "x"}},
    "another authorized party": {"claims": {"azp": "someone-else"}},
    "another issuer": {"claims": {"iss": "https://evil.example/realms/demo"}},
    "no issuer": {"claims": {"iss": None}},
    "no audience": {"claims": {"aud": None}},
    "no expiry": {"claims": {"exp": None}},
    "no time of issue": {"claims": {"iat": None}},
    "no subject": {"claims": {"sub": None}},
    "an empty subject": {"claims": {"sub": ""}},
    "expired": {"claims": {"exp": 1_700_000_000, "iat": 1_699_999_000}},
    "issued in the future": {"claims": {"iat": 4_000_000_000}},
    "another nonce": {"claims": {"nonce": "replayed"}},
    "no nonce": {"claims": {"nonce": None}},
    "an unpublished key": {"key": "wrong"},
    "no signature": {"alg": "none"},
    "the public key as a shared secret": {"alg": "HS256"},
    "another RSA algorithm": {"alg": "RS512"},
}


@pytest.mark.parametrize("forgery", FORGED_ID_TOKENS.values(), ids=FORGED_ID_TOKENS.keys())
def test_a_wrong_id_token_signs_nobody_in(
    browser: Browser, provider: Sandbox, forgery: dict[str, Any]
) -> None:
    provider.post("/_sandbox/openid/next", {"id_token": forgery})
    page = browser.sign_in("buyer", next_url="/accounts/login/?here=1")

    assert page.status_code == 200
    assert page.url == f"{browser.site}/accounts/login/?next=%2Faccounts%2Flogin%2F%3Fhere%3D1"
    assert NOT_VALID in page.text
    assert not User.objects.exists()


def test_several_audiences_are_fine_when_we_are_the_authorized_party(
    browser: Browser, provider: Sandbox
) -> None:
    provider.post("/_sandbox/openid/next", {"id_token": {"claims": {"aud": ["credits-web", "other"]}}})
    browser.sign_in("buyer")

    assert User.objects.get().username == "buyer"


def test_another_persons_userinfo_signs_nobody_in(browser: Browser, provider: Sandbox) -> None:
    provider.post("/_sandbox/openid/next", {"userinfo": {"sub": "00000000-0000-4000-8000-0000000000a1"}})
    page = browser.sign_in("buyer")

    assert NOT_VALID in page.text
    assert not User.objects.exists()


@pytest.mark.parametrize(
    "forgery",
    [
        {"claims": {"sub": "00000000-0000-4000-8000-0000000000b1", "realm_access": {"roles": ["admin"]}}},
        {"key": "wrong"},
        {"claims": {"azp": "someone-else"}},
        {"claims": {"exp": 1_700_000_000}},
    ],
)
def test_roles_of_an_access_token_that_is_not_this_sign_ins_give_nothing(
    browser: Browser, provider: Sandbox, forgery: dict[str, Any]
) -> None:
    provider.post("/_sandbox/openid/next", {"access_token": forgery})
    # The provider knows its own tokens by what it handed out, so userinfo still answers.
    browser.sign_in("staff")

    user = User.objects.get()
    assert (user.is_staff, user.is_superuser) == (False, False)


@pytest.mark.parametrize(("status", "message"), [(503, UNREACHABLE), (500, UNREACHABLE), (400, NOT_VALID)])
def test_a_failing_token_endpoint_is_a_message(
    browser: Browser, provider: Sandbox, status: int, message: str
) -> None:
    provider.post("/_sandbox/openid/next", {"token_status": status})
    page = browser.sign_in("buyer")

    assert page.status_code == 200
    assert message in page.text
    assert not User.objects.exists()


@pytest.mark.parametrize(
    "setting", ["OIDC_OP_TOKEN_ENDPOINT", "OIDC_OP_USER_ENDPOINT", "OIDC_OP_JWKS_ENDPOINT"]
)
def test_an_unreachable_provider_is_a_message(browser: Browser, settings: Settings, setting: str) -> None:
    setattr(settings, setting, "http://127.0.0.1:9/closed")
    page = browser.sign_in("buyer")

    assert page.status_code == 200
    assert UNREACHABLE in page.text
    assert not User.objects.exists()


def test_an_answer_that_is_no_json_is_a_message(
    browser: Browser, provider: Sandbox, settings: Settings
) -> None:
    settings.OIDC_OP_USER_ENDPOINT = f"{provider.url}/"
    page = browser.sign_in("buyer")

    assert page.status_code == 200
    assert UNREACHABLE in page.text


def test_cancelling_at_the_provider_is_a_message(browser: Browser) -> None:
    page = browser.open_provider(next_url="/accounts/login/?here=1")
    request = parse_qs(urlsplit(page.url).query)["next"][0]
    back = browser.get(f"{_origin(page.url)}{request}&cancel=1")

    assert back.url == f"{browser.site}/accounts/login/?next=%2Faccounts%2Flogin%2F%3Fhere%3D1"
    assert "cancelled or refused" in back.text


def test_a_state_is_good_once(browser: Browser) -> None:
    page = browser.sign_in("buyer")
    callback = next(answer.url for answer in page.history if "/oidc/callback/" in answer.url)
    replay = browser.get(callback)

    assert START_AGAIN in replay.text


@pytest.mark.parametrize(
    "query",
    ["", "?code=abc&state=foreign", "?error=access_denied", "?error=access_denied&state=foreign", "?state=x"],
)
def test_an_answer_we_did_not_ask_for_changes_nothing(browser: Browser, query: str) -> None:
    browser.sign_in("buyer")
    page = browser.get(f"/oidc/callback/{query}")

    assert page.status_code == 200
    assert START_AGAIN in page.text
    assert "You’re signed in as buyer" in page.text


def test_a_disabled_person_is_told_so_and_stays_out(browser: Browser) -> None:
    browser.sign_in("buyer")
    User.objects.update(is_active=False)
    page = Browser(browser.site).sign_in("buyer")

    assert "Your account is disabled" in page.text
    assert "You’re signed in as" not in page.text


def test_a_failed_sign_in_leaves_the_open_session_its_own_logout_hint(
    browser: Browser, provider: Sandbox
) -> None:
    browser.sign_in("buyer")
    before = _read_id_token(browser)
    provider.post("/_sandbox/openid/next", {"userinfo": {"sub": "someone-else"}})
    browser.sign_in("buyer")

    assert before
    assert _read_id_token(browser) == before


def test_a_password_form_posted_to_a_callback_address_starts_no_exchange(client: Client) -> None:
    answer = client.post("/accounts/login/?code=abc&state=def", {"username": "buyer", "password": "buyer"})

    assert answer.status_code == 200
    assert answer.wsgi_request.user.is_anonymous


def test_the_log_says_why_and_holds_no_secret(
    browser: Browser, provider: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    for logger in ("urllib3", "django.server"):
        caplog.set_level(logging.WARNING, logger)
    provider.post("/_sandbox/openid/next", {"id_token": {"key": "wrong"}})
    browser.sign_in("buyer")

    assert "InvalidSignatureError" in caplog.text
    assert "eyJ" not in caplog.text
    assert "credits-web-secret" not in caplog.text
    assert "code=" not in caplog.text
    assert "state=" not in caplog.text


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def _read_id_token(browser: Browser) -> str:
    return str(SessionStore(browser.session_key()).get("oidc_id_token", ""))
