"""Calls to the API as its clients make them, and deliveries to the webhook as Stripe makes them."""

from __future__ import annotations

import csv
import hashlib
import hmac
import json
import time
from io import StringIO
from typing import Any

import requests
from django.test import Client

from accounts.models import User
from billing.inbox.models import InboxEvent
from tests.support.sandbox import WEBHOOK_SECRET, Sandbox

API = "/api/v1/billing/credits/"
WEBHOOK = f"{API}webhook"
PROBLEM_JSON = "application/problem+json"
PASSWORD_BACKEND = "django.contrib.auth.backends.ModelBackend"


def browser_of(user: User | None = None, **options: Any) -> Client:
    """A client in which the user is signed in. It answers a crash with 500, as the site does, and raises nothing."""
    client = Client(raise_request_exception=False, **options)
    if user is not None:
        client.force_login(user, PASSWORD_BACKEND)
    return client


def post_json(client: Client, path: str, body: Any, **headers: str) -> Any:
    """POSTs under the API's root, or to an absolute path. Headers are written with underscores."""
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    address = path if path.startswith("/") else API + path
    return client.post(address, json.dumps(body), content_type="application/json", headers=names)


def assert_problem(answer: Any, status: int, code: str) -> dict[str, Any]:
    """The answer is a problem (RFC 9457) of this status and code; gives its body."""
    assert (answer.status_code, answer.headers["Content-Type"]) == (status, PROBLEM_JSON), answer.content
    problem: dict[str, Any] = answer.json()
    assert (problem["status"], problem["code"], problem["type"]) == (status, code, "about:blank"), problem
    assert problem["title"]
    assert problem["detail"]
    return problem


def signature_of(body: bytes, secret: str = WEBHOOK_SECRET, age_s: int = 0) -> str:
    """Stripe's signature of a body, made ``age_s`` seconds ago."""
    moment = int(time.time()) - age_s
    digest = hmac.new(secret.encode(), b"%d.%b" % (moment, body), hashlib.sha256).hexdigest()
    return f"t={moment},v1={digest}"


def deliver(event: Any, path: str = WEBHOOK, client: Client | None = None) -> Any:
    """Delivers an event, signed now."""
    body = json.dumps(event).encode()
    return send(body, signature_of(body), path, client)


def send(body: bytes, signature: str | None, path: str = WEBHOOK, client: Client | None = None) -> Any:
    headers = {} if signature is None else {"Stripe-Signature": signature}
    return (client or browser_of()).post(path, body, content_type="application/json", headers=headers)


def last_event(sandbox: Sandbox, event_type: str) -> dict[str, Any]:
    """The newest event of a type, as Stripe would deliver it."""
    return [event for event in sandbox.objects("event") if event["type"] == event_type][-1]


def the_event() -> InboxEvent:
    """The only stored event, but for those about customers."""
    return InboxEvent.objects.exclude(type__startswith="customer.").get()


def made_up_event(event_type: str, subject: Any, event_id: str = "evt_made_up") -> dict[str, Any]:
    return {
        "id": event_id,
        "object": "event",
        "api_version": "2026-08-26.dahlia",
        "created": int(time.time()),
        "livemode": False,
        "pending_webhooks": 1,
        "request": {"id": None, "idempotency_key": None},
        "type": event_type,
        "data": {"object": subject},
    }


def paid_session_event(sandbox: Sandbox, session_id: str) -> dict[str, Any]:
    """Pays the session while Stripe holds its webhooks back; gives the ``checkout.session.completed``."""
    sandbox.hold_webhooks()
    sandbox.pay(session_id)
    return last_event(sandbox, "checkout.session.completed")


def stripe_posts(sandbox: Sandbox, path: str = "/v1/") -> list[dict[str, Any]]:
    """The calls to Stripe that could have changed something there."""
    return [call for call in sandbox.calls() if call["method"] != "GET" and call["path"].startswith(path)]


class TokenClient:
    """A program that calls the site over HTTP with a person's bearer token. Safe to share between threads."""

    def __init__(self, site: str, sandbox: Sandbox, username: str = "buyer") -> None:
        self.site = site
        self.token = sandbox.post("/_sandbox/openid/token", {"username": username})["access_token"]

    def get(self, path: str) -> requests.Response:
        return requests.get(self.site + API + path, headers=self._headers(), timeout=20)

    def post(self, path: str, body: Any, **headers: str) -> requests.Response:
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        return requests.post(
            self.site + API + path, json=body, headers={**self._headers(), **names}, timeout=20
        )

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}


def csv_of(client: Client, address: str) -> list[dict[str, str]]:
    answer: Any = client.get(address)
    return list(csv.DictReader(StringIO(b"".join(answer.streaming_content).decode())))
