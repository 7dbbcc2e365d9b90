"""The provider ends a session by the back channel (OpenID Connect Back-Channel Logout 1.0), over real HTTP."""

from __future__ import annotations

import time
from typing import Any

import pytest
import requests
from django.contrib.sessions.models import Session
from django.test import Client
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from accounts import views
from accounts.models import ProviderLogout, ProviderSession, User
from accounts.sign_in import provider_sessions
from accounts.sign_in.id_tokens import read_logout_token
from accounts.sign_in.provider_sessions import end_sessions
from tests.accounts.browsers import Browser
from tests.support.sandbox import Sandbox

pytestmark = pytest.mark.django_db(transaction=True)

PATH = "/oidc/backchannel-logout/"
EVENT = "http://schemas.openid.net/event/backchannel-logout"


def tell(provider: Sandbox, site: str, username: str = "buyer", **how: Any) -> dict[str, Any]:
    """Has the provider send a logout token, right or wrong; gives our answer."""
    order = {"username": username, "url": site + PATH, **how}
    return provider.post("/_sandbox/openid/logout", order)  # type: ignore[no-any-return]


def is_signed_in(browser: Browser) -> bool:
    return "You’re signed in" in browser.get("/accounts/login/").text


def test_a_session_that_the_provider_ends_is_over_here_and_no_other(
    browser: Browser, provider: Sandbox
) -> None:
    older, other = Browser(browser.site), Browser(browser.site)
    older.sign_in("buyer")
    other.sign_in("buyer2")
    browser.sign_in("buyer")

    answer = tell(provider, browser.site)

    assert (answer["status"], answer["body"]) == (200, "")
    assert "no-store" in answer["headers"]["Cache-Control"]
    assert [is_signed_in(each) for each in (browser, older, other)] == [False, True, True]
    assert ProviderSession.objects.count() == Session.objects.exclude(session_key=None).count() == 2


def test_a_token_that_names_no_session_ends_all_of_the_person(browser: Browser, provider: Sandbox) -> None:
    older, other = Browser(browser.site), Browser(browser.site)
    older.sign_in("buyer")
    other.sign_in("buyer2")
    browser.sign_in("buyer")

    assert tell(provider, browser.site, claims={"sid": None})["status"] == 200
    assert [is_signed_in(each) for each in (browser, older, other)] == [False, False, True]


def test_a_token_may_name_the_session_alone(browser: Browser, provider: Sandbox) -> None:
    browser.sign_in("buyer")

    assert tell(provider, browser.site, claims={"sub": None})["status"] == 200
    assert not is_signed_in(browser)


WRONG: dict[str, dict[str, Any]] = {
    "another issuer": {"claims": {"iss": "https://evil.example"}},
    "for another client": {"claims": {"aud": "another"}},
    "the API's audience": {"claims": {"aud": "credits"}},
    "no time of issue": {"claims": {"iat": None}},
    "issued tomorrow": {"claims": {"iat": 4_000_000_000}},
    "no expiry": {"claims": {"exp": None}},
    "expired": {"claims": {"exp": 1_700_000_000}},
    "good for years": {"claims": {"exp": 4_000_000_000}},
    "good beyond all calendars": {"claims": {"exp": 10**18}},
    "no id": {"claims": {"jti": None}},
    "an id that the database can't hold": {"claims": {"jti": "a\x00b"}},
    "no events": {"claims": {"events": None}},
    "another event": {"claims": {"events": {"http://schemas.openid.net/event/other": {}}}},
    "an event that is no object": {"claims": {"events": {EVENT: True}}},
    "a nonce, as an id token has": {"claims": {"nonce": "n"}},
    "neither person nor session": {"claims": {"sub": None, "sid": None}},
    "a session that is no text": {"claims": {"sid": 7}},
    "an unpublished key": {"key": "wrong"},
    "no signature": {"alg": "none"},
    "the public key as a shared secret": {"alg": "HS256"},
}


def test_a_wrong_logout_token_is_400_and_ends_nothing(browser: Browser, provider: Sandbox) -> None:
    browser.sign_in("buyer")
    for name, how in WRONG.items():
        answer = tell(provider, browser.site, **how)
        assert answer["status"] == 400, name
        assert '"invalid_request"' in answer["body"], name
        assert "no-store" in answer["headers"]["Cache-Control"], name

    id_token = provider.mint("buyer")["id_token"]
    for body in ({}, {"logout_token": "junk"}, {"logout_token": id_token}):
        assert requests.post(browser.site + PATH, body, timeout=10).status_code == 400
    assert requests.get(browser.site + PATH, timeout=10).status_code == 405
    assert is_signed_in(browser)


def test_a_logout_token_counts_once(browser: Browser, provider: Sandbox) -> None:
    browser.sign_in("buyer")
    token = tell(provider, browser.site, claims={"sid": None})["logout_token"]
    time.sleep(1.1)  # the next id token is issued in another second
    browser.sign_in("buyer")

    again = requests.post(browser.site + PATH, {"logout_token": token}, timeout=10)

    assert again.status_code == 400
    assert is_signed_in(browser)


def test_a_sign_in_that_the_logout_overtakes_is_refused(
    browser: Browser, provider: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The provider ends the session between its tokens and our session."""
    told: list[int] = []

    def overtaken(*arguments: Any) -> None:
        told.append(tell(provider, browser.site)["status"])
        provider_sessions.remember_session(*arguments)

    monkeypatch.setattr(views, "remember_session", overtaken)
    page = browser.sign_in("buyer")

    assert told == [200]
    assert "sent an invalid response" in page.text
    assert not is_signed_in(browser)
    assert not ProviderSession.objects.exists()


def test_without_the_note_of_the_logout_that_sign_in_would_outlive_it(
    browser: Browser, provider: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control."""

    def overtaken(*arguments: Any) -> None:
        tell(provider, browser.site)
        ProviderLogout.objects.all().delete()
        provider_sessions.remember_session(*arguments)

    monkeypatch.setattr(views, "remember_session", overtaken)
    browser.sign_in("buyer")

    assert is_signed_in(browser)


def test_a_note_of_a_logout_is_forgotten(browser: Browser, provider: Sandbox) -> None:
    browser.sign_in("buyer")
    first = tell(provider, browser.site)["logout_token"]
    ProviderLogout.objects.update(forget_after="2020-01-01T00:00:00Z")
    browser.sign_in("buyer")
    tell(provider, browser.site)

    assert ProviderLogout.objects.count() == 1
    assert ProviderLogout.objects.get().jti != read_logout_token(first)["jti"]


def test_a_session_without_an_id_at_the_provider_ends_with_any_of_the_persons(
    browser: Browser, provider: Sandbox
) -> None:
    provider.post("/_sandbox/openid/next", {"id_token": {"claims": {"sid": None}}})
    browser.sign_in("buyer")

    tell(provider, browser.site)
    assert not is_signed_in(browser)


def test_while_the_keys_cannot_be_fetched_the_logout_fails_as_the_standard_says(
    client: Client, provider: Sandbox, live_server: LiveServer, settings: Settings
) -> None:
    settings.OIDC_OP_JWKS_ENDPOINT = "http://127.0.0.1:9/closed"

    answer = tell(provider, live_server.url)
    assert answer["status"] == 400
    assert "temporarily_unavailable" in answer["body"]

    settings.OIDC_ISSUER = ""
    assert client.post(PATH, {"logout_token": answer["logout_token"]}).status_code == 404


def test_a_person_whom_nobody_knows_here_has_nothing_to_end(
    provider: Sandbox, live_server: LiveServer
) -> None:
    assert tell(provider, live_server.url, "buyer2")["status"] == 200
    assert not User.objects.exists()
    claims = read_logout_token(
        tell(provider, live_server.url, "staff", url="http://127.0.0.1:9/")["logout_token"]
    )
    end_sessions(claims)
    assert ProviderLogout.objects.count() == 2
