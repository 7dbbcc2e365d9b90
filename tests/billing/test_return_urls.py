"""A checkout sends its buyer back to the site or to a listed host, and nowhere else: no open redirect."""

from __future__ import annotations

from typing import Any

import pytest

from billing.checkout.return_urls import allowed_return_url, default_cancel_url, default_success_url
from billing.errors import ReturnUrlNotAllowed


@pytest.fixture(autouse=True)
def _site(settings: Any) -> None:
    settings.SITE_URL = "https://credits.example.com"
    settings.CHECKOUT_RETURN_HOSTS = ["app.example.org", "staging.example.org:8443"]


@pytest.mark.parametrize(
    "url",
    [
        "https://credits.example.com",
        "https://credits.example.com/",
        "https://credits.example.com/done?session_id={CHECKOUT_SESSION_ID}#paid",
        "https://app.example.org/paid",
        "https://APP.example.org/paid",
        "https://staging.example.org:8443/paid",
        "https://credits.example.com/then?next=//evil.example",
    ],
)
def test_the_site_and_the_listed_hosts_are_allowed(url: str) -> None:
    assert allowed_return_url(url) == url


EVIL = {
    "another host": "https://evil.example/",
    "no scheme": "//evil.example/",
    "three slashes": "///evil.example/",
    "a scheme without slashes": "https:evil.example",
    "one slash": "https:/evil.example",
    "no host": "https:///evil.example",
    "a relative address": "/credits/success",
    "a bare host": "credits.example.com",
    "nothing but a space": " ",
    "the site as user": "https://credits.example.com@evil.example/",
    "the site as user with a password": "https://credits.example.com:x@evil.example/",
    "a user at the site": "https://user:password@credits.example.com/",
    "the site as a subdomain": "https://credits.example.com.evil.example/",
    "the site as a suffix": "https://evilcredits.example.com/",
    "a subdomain of the site": "https://evil.credits.example.com/",
    "a dot behind the host": "https://credits.example.com./",
    "a backslash": "https://credits.example.com\\@evil.example/",
    "backslashes for slashes": "\\\\evil.example/",
    "a backslash in the path": "https://credits.example.com/\\evil.example",
    "a backslash behind evil": "https://evil.example\\.credits.example.com/",
    "a script": "javascript:alert(1)",
    "a script that names the site": "javascript://credits.example.com/%0aalert(1)",
    "data": "data:text/html,hello",
    "a file": "file:///etc/passwd",
    "another protocol": "ftp://credits.example.com/",
    "another port": "https://credits.example.com:8443/",
    "another port of a listed host": "https://app.example.org:8443/",
    "a listed host without its port": "https://staging.example.org/",
    "a port that is none": "https://credits.example.com:port/",
    "a port out of range": "https://credits.example.com:99999/",
    "plain HTTP to the site": "http://credits.example.com/",
    "plain HTTP to a listed host": "http://app.example.org/",
    "a line break": "https://credits.example.com/\nLocation: https://evil.example",
    "a tab in the scheme": "java\tscript:alert(1)",
    "a tab in the host": "https://evil.example\t.credits.example.com/",
    "a leading space": " https://credits.example.com/",
    "a null": "https://credits.example.com/\x00",
    "a look-alike dot": "https://credits。example.com/",
    "a look-alike letter": "https://сredits.example.com/",
    "an invisible character": "https://credits.example.com\u200b.evil.example/",
    "a broken IPv6 address": "https://[::1/",
    "a fragment for a path": "https://evil.example#@credits.example.com/",
    "a query for a path": "https://evil.example?@credits.example.com/",
}


@pytest.mark.parametrize("url", EVIL.values(), ids=EVIL.keys())
def test_anything_else_is_refused(url: str) -> None:
    with pytest.raises(ReturnUrlNotAllowed) as refused:
        allowed_return_url(url)

    assert (refused.value.status, refused.value.code) == (400, "return_url_not_allowed")


def test_a_site_on_plain_http_may_return_to_itself_and_to_listed_hosts(settings: Any) -> None:
    settings.SITE_URL = "http://localhost:8000"

    assert allowed_return_url("http://localhost:8000/credits/")
    assert allowed_return_url("http://app.example.org/")
    with pytest.raises(ReturnUrlNotAllowed):
        allowed_return_url("http://localhost:8001/")


def test_the_older_front_end_is_allowed_and_nothing_beside_it(settings: Any) -> None:
    settings.FRONTEND_URL = "https://shop.example.net/app"

    assert allowed_return_url("https://shop.example.net/app/credits?session_id={CHECKOUT_SESSION_ID}")
    for url in (
        "http://shop.example.net/app",
        "https://shop.example.net.evil.example/",
        "https://shop.example.net:8/",
    ):
        with pytest.raises(ReturnUrlNotAllowed):
            allowed_return_url(url)


def test_without_a_wish_the_buyer_comes_back_to_our_own_pages() -> None:
    assert (
        default_success_url()
        == "https://credits.example.com/credits/success?session_id={CHECKOUT_SESSION_ID}"
    )
    assert default_cancel_url() == "https://credits.example.com/credits/?checkout=cancelled"
