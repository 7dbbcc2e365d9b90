"""A client's address is believed as far as trusted proxies reported it, and computed in one place."""

from __future__ import annotations

import logging
import re
from pathlib import Path
from typing import Any

import pytest
from django.test import Client, RequestFactory

from core.client_address import client_address

ROOT = Path(__file__).resolve().parent.parent.parent
PROXIES = ("10.0.0.0/8", "2001:db8:aaaa::/48")
FRONT, EDGE, CLIENT = "10.0.0.1", "10.9.0.1", "203.0.113.9"


def address(
    settings: Any, caller: str, forwarded: str | None, *, proxies: Any = (), behind: bool = True
) -> str:
    settings.TRUSTED_PROXIES, settings.BEHIND_PROXY = tuple(proxies), behind
    headers = {} if forwarded is None else {"X-Forwarded-For": forwarded}
    return client_address(RequestFactory().get("/", headers=headers, REMOTE_ADDR=caller))


@pytest.mark.parametrize(
    ("caller", "forwarded", "found"),
    [
        (FRONT, CLIENT, CLIENT),
        (FRONT, f"{CLIENT}, {EDGE}", CLIENT),
        (FRONT, f"1.2.3.4, {CLIENT},{EDGE} , 10.3.3.3", CLIENT),  # the first is the client's own claim
        (CLIENT, "1.2.3.4", CLIENT),  # who calls directly may claim anything
        (CLIENT, f"1.2.3.4, {EDGE}", CLIENT),
        (FRONT, None, FRONT),
        (FRONT, "", FRONT),
        (FRONT, f"{EDGE}, 10.3.3.3", EDGE),  # a client inside of the trusted networks
        (FRONT, f"{CLIENT}, unknown, {EDGE}", EDGE),  # as far as it can be read
        (FRONT, "nonsense", FRONT),
        (FRONT, f"{CLIENT}:4711", CLIENT),
        (FRONT, "[2001:db8::7]:4711", "2001:db8::7"),
        (FRONT, "2001:DB8:0::7", "2001:db8::7"),
        (FRONT, "fe80::1%eth0", "fe80::1"),
        ("2001:db8:aaaa::1", "2001:db8::7, 2001:db8:aaaa::2", "2001:db8::7"),
        ("::ffff:10.0.0.1", f"::ffff:{CLIENT}", CLIENT),  # as a socket for both versions reports IPv4
        (f"::ffff:{CLIENT}", "1.2.3.4", CLIENT),
        ("", CLIENT, CLIENT),  # a proxy on a Unix socket
        (FRONT, ", ".join(["1.2.3.4"] * 5000 + [CLIENT]), CLIENT),
    ],
)
def test_the_client_is_the_last_who_is_no_trusted_proxy(
    settings: Any, caller: str, forwarded: str | None, found: str
) -> None:
    assert address(settings, caller, forwarded, proxies=PROXIES) == found


def test_a_trusted_network_may_be_written_as_mapped_ipv6_or_as_one_address(settings: Any) -> None:
    assert address(settings, FRONT, CLIENT, proxies=["::ffff:10.0.0.0/104"]) == CLIENT
    assert address(settings, FRONT, f"{CLIENT}, {EDGE}", proxies=[FRONT]) == EDGE


@pytest.mark.parametrize(
    ("caller", "forwarded", "found"),
    [
        (FRONT, f"1.2.3.4, {CLIENT}", CLIENT),
        (FRONT, f"{CLIENT}:80", CLIENT),
        (FRONT, "nonsense\n", FRONT),
        (FRONT, None, FRONT),
    ],
)
def test_behind_one_proxy_it_is_the_last_address(
    settings: Any, caller: str, forwarded: str | None, found: str
) -> None:
    assert address(settings, caller, forwarded) == found


def test_without_a_proxy_it_is_whoever_calls(settings: Any) -> None:
    assert address(settings, "192.0.2.1", CLIENT, behind=False) == "192.0.2.1"


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/credits/", "/api/v1/credits/accounts/x/balance"])
def test_the_log_has_the_same_address(path: str, settings: Any, caplog: pytest.LogCaptureFixture) -> None:
    settings.TRUSTED_PROXIES = PROXIES
    caplog.set_level(logging.INFO)
    Client(REMOTE_ADDR=FRONT).get(path, headers={"X-Forwarded-For": f"1.2.3.4, {CLIENT}, {EDGE}"})
    said: list[Any] = [record.msg for record in caplog.records if isinstance(record.msg, dict)]

    assert {line["ip"] for line in said if line["event"].startswith("request_")} == {CLIENT}


def test_https_is_a_proxys_word_only(settings: Any, caplog: pytest.LogCaptureFixture) -> None:
    settings.TRUSTED_PROXIES = PROXIES
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    settings.SECURE_SSL_REDIRECT = True
    client, https = Client(), {"X-Forwarded-Proto": "https"}
    answers = [
        client.get("/accounts/login/", headers=https, REMOTE_ADDR=caller)
        for caller in (CLIENT, CLIENT, FRONT)
    ]

    assert [answer.status_code for answer in answers[:2]] == [301, 301]
    assert answers[2].status_code != 301
    ignored = [line for line in caplog.messages if "forwarded_headers_ignored" in line]
    assert len(ignored) == 1
    assert CLIENT in ignored[0]


def test_no_other_place_reads_where_a_request_comes_from() -> None:
    allowed = {"core/client_address.py", "config/middleware.py"}
    folders = ("config", "core", "backoffice", "accounts", "credits", "billing")
    files = [path for folder in folders for path in (ROOT / folder).rglob("*.py")]
    reading = re.compile(r"FORWARDED_FOR|REMOTE_ADDR|get_ident|get_client_ip|ipware")
    found = {str(path.relative_to(ROOT)) for path in files if reading.search(path.read_text())}

    assert found == allowed
