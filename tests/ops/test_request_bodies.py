"""Bodies of every kind, over a raw connection to the server of production: read whole, or refused with a reason."""

from __future__ import annotations

import io
import json
import socket
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlparse

import pytest
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.urls import resolve

from accounts.clients.api_keys import create_key
from accounts.clients.models import Scope
from billing.api.webhook import WebhookView
from billing.inbox.models import InboxEvent
from billing.purchases.models import Purchase
from config.request_bodies import BoundedBodies
from credits.ledger.models import Account
from tests.billing.calling import API, WEBHOOK, made_up_event, signature_of
from tests.credits.builders import grant, open_account
from tests.support.api_clients import make_client
from tests.support.builders import put_on_sale
from tests.support.sandbox import Sandbox
from tests.support.served import running_site

pytestmark = pytest.mark.django_db(transaction=True)

SPENDS = "/api/v1/credits/spends"
LEGACY_WEBHOOK = "/api/credits/webhook"
PATIENCE_S = 10
JSON = "application/json"
CHUNKED = {"Transfer-Encoding": "chunked"}
ENDLESS = b"10000\r\n" + b" " * 0x10000 + b"\r\n"


@pytest.fixture(scope="module")
def site(django_db_setup: None, django_db_blocker: Any, sandbox_process: Sandbox) -> Iterator[str]:
    with django_db_blocker.unblock(), running_site(SANDBOX_URL=sandbox_process.url) as url:
        yield url


@pytest.fixture
def account() -> Account:
    opened = open_account()
    grant(opened, 100)
    return opened


def chunked(body: bytes, size: int = 7) -> bytes:
    pieces = [body[start : start + size] for start in range(0, len(body), size)]
    return b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"


def send(site: str, path: str, headers: dict[str, str], *parts: bytes, hang_up: bool = False) -> Any:
    """POSTs the parts one after the other, as they are; gives the answer's status and JSON, {} where it has none."""
    address = urlparse(site)
    head = [f"POST {path} HTTP/1.1", f"Host: {address.netloc}", "Connection: close"]
    lines = [*head, *(f"{name}: {value}" for name, value in headers.items()), "", ""]
    with socket.create_connection((address.hostname, address.port), timeout=PATIENCE_S) as connection:
        connection.sendall("\r\n".join(lines).encode())
        try:
            for part in parts:
                connection.sendall(part)
            if hang_up:
                connection.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # answered before all was sent
        answer = io.BytesIO()
        try:
            while piece := connection.recv(65536):
                answer.write(piece)
        except ConnectionResetError:
            pass  # closed with some of the body unread
    received, _, body = answer.getvalue().partition(b"\r\n\r\n")
    return int(received.split()[1]), json.loads(body or b"{}")


def callers(sandbox: Sandbox, account: Account) -> dict[str, tuple[dict[str, str], bytes]]:
    """For each door the headers and the body of a call that it takes."""
    key = create_key(make_client(scopes=[Scope.SPEND]), name="k").secret
    token = sandbox.post("/_sandbox/openid/token", {"username": "buyer"})["access_token"]
    event = json.dumps(made_up_event("customer.created", {"id": "cus_1", "object": "customer"})).encode()
    spend = json.dumps({"account": str(account.pk), "amount": "2.5"}).encode()
    signed = {"Stripe-Signature": signature_of(event), "Content-Type": JSON}
    bearer = {"Authorization": f"Bearer {token}", "Content-Type": JSON}
    return {
        SPENDS: (
            {"Authorization": f"Bearer {key}", "Idempotency-Key": "job-1", "Content-Type": JSON},
            spend,
        ),
        f"{API}purchase": (bearer, b'{"package_code": "standard"}'),
        "/api/credits/purchase": (bearer, b'{"package_id": "standard"}'),
        WEBHOOK: (signed, event),
        LEGACY_WEBHOOK: (signed, event),
    }


def test_a_chunked_body_is_read_whole_at_every_door(site: str, sandbox: Sandbox, account: Account) -> None:
    put_on_sale()
    answers = {}
    for path, (headers, body) in callers(sandbox, account).items():
        sent = chunked(body)
        answers[path] = send(site, path, headers | CHUNKED, sent[:20], sent[20:])

    assert [status for status, _ in answers.values()] == [201, 201, 200, 200, 200], answers
    account.refresh_from_db()
    assert account.balance == 97.5
    assert Purchase.objects.count() == 2
    assert InboxEvent.objects.get(pk="evt_made_up").attempts == 2


def send_by_http2(site: str, path: str, headers: dict[str, str], body: bytes) -> Any:
    """One POST in the frames of RFC 9113, with each header as it is; gives the answer's JSON."""
    address = urlparse(site)
    named = {":method": "POST", ":scheme": "http", ":authority": address.netloc, ":path": path}
    pairs = {**named, **{name.lower(): value for name, value in headers.items()}}.items()
    block = b"".join(
        b"\0%c%b%c%b" % (len(name), name.encode(), len(value), value.encode()) for name, value in pairs
    )
    sent = frame(4, 0, 0, b"") + frame(1, 4, 1, block) + frame(0, 1, 1, body)
    with socket.create_connection((address.hostname, address.port), timeout=PATIENCE_S) as connection:
        connection.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + sent)
        received = connection.makefile("rb")
        answer, is_whole = b"", False
        while not is_whole:
            head = received.read(9)
            payload = received.read(int.from_bytes(head[:3], "big"))
            if head[3] == 0:
                answer += payload
                is_whole = bool(head[4] & 1)
    return json.loads(answer)


def frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload


def test_a_body_of_http2_needs_neither_chunks_nor_a_length(
    site: str, sandbox: Sandbox, account: Account
) -> None:
    headers, body = callers(sandbox, account)[SPENDS]

    assert send_by_http2(site, SPENDS, headers, body)["balance_after"] == "97.5"


def test_what_is_too_long_is_refused_and_not_read_to_its_end(
    site: str, sandbox: Sandbox, account: Account
) -> None:
    put_on_sale()
    for path, (headers, _) in callers(sandbox, account).items():
        limit = settings.BODY_LIMITS.get(path, settings.DATA_UPLOAD_MAX_MEMORY_SIZE)
        # Neither ends: whoever waited for the rest would wait for good.
        endless = send(site, path, headers | CHUNKED, *[ENDLESS] * (limit // 0x10000 + 2))
        announced = send(site, path, headers | {"Content-Length": str(10**12)}, b" " * 1000)

        assert (endless[0], announced[0]) == (413, 413), path
    assert Purchase.objects.count() == InboxEvent.objects.count() == 0


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ({"Content-Length": "9999"}, "unreadable_body"),
        ({"Transfer-Encoding": "gzip, chunked"}, "unreadable_body"),
        ({"Content-Length": "-5"}, None),  # granian's own refusal, which has no body
        ({"Content-Length": "1e3"}, None),
        ({"Content-Length": "99999999999999999999999"}, None),
    ],
)
def test_a_length_that_is_none_is_a_400(
    site: str, sandbox: Sandbox, account: Account, said: dict[str, str], code: str | None
) -> None:
    for path, (headers, body) in callers(sandbox, account).items():
        sent = chunked(body) if "Transfer-Encoding" in said else body[:-1]
        status, problem = send(site, path, headers | said, sent, hang_up=True)

        assert status == 400, path
        if code is not None:
            assert problem.get("code", code) == code, path
    account.refresh_from_db()
    assert (account.balance, Purchase.objects.count(), InboxEvent.objects.count()) == (100, 0, 0)


def test_nobody_known_is_refused_before_the_body_is_read(site: str) -> None:
    head = {"Content-Type": JSON, "Content-Length": "100"}

    assert send(site, SPENDS, head)[0] == 401
    assert send(site, f"{API}purchase", head | {"Authorization": "Bearer no"})[0] == 401


def test_a_form_without_a_length_could_have_lost_its_end(site: str) -> None:
    form = {"Content-Type": "application/x-www-form-urlencoded"} | CHUNKED

    assert send(site, "/accounts/login/", form, chunked(b"amount=10"))[1]["code"] == "length_required"


def test_a_server_that_leaves_the_chunks_to_us_is_answered_that_a_length_is_needed() -> None:
    # The development server is one.
    said: list[str] = []
    environ = {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": SPENDS,
        "HTTP_TRANSFER_ENCODING": "chunked",
        "wsgi.input": io.BytesIO(b"0\r\n\r\n"),
    }
    [body] = BoundedBodies(get_wsgi_application())(environ, lambda status, _headers: said.append(status))

    assert said == ["411 Length Required"]
    assert json.loads(body)["code"] == "length_required"


def test_the_webhooks_are_those_with_a_limit_of_their_own() -> None:
    for path, limit in settings.BODY_LIMITS.items():
        assert issubclass(resolve(path).func.cls, WebhookView)  # type: ignore[attr-defined]  # DRF's
        assert limit == settings.WEBHOOK_MAX_BYTES
