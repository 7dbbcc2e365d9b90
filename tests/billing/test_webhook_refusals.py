"""The webhook's door: what is not provably Stripe's is refused, and leaves no row. What is, leaves one."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from billing.inbox.models import InboxEvent
from tests.billing.calling import WEBHOOK, assert_problem, browser_of, made_up_event, send, signature_of
from tests.support.sandbox import WEBHOOK_SECRET

pytestmark = pytest.mark.django_db
BODY = json.dumps(made_up_event("customer.updated", {"id": "cus_1", "object": "customer"})).encode()
LEGACY = "/api/credits/webhook"


@pytest.fixture(autouse=True)
def _secrets(settings: Any) -> None:
    settings.STRIPE_WEBHOOK_SECRETS = [WEBHOOK_SECRET]


def nothing_was_taken_in() -> bool:
    return not InboxEvent.objects.exists()


# --- Is it Stripe's? ----------------------------------------------------------------------------------------------

FORGED = {
    "no signature": None,
    "an empty one": "",
    "one that is none": "v1=abc",
    "one without a time": f"v1={'0' * 64}",
    "one without a signature": "t=1700000000",
    "a time that is none": f"t=now,v1={'0' * 64}",
    "another secret's": signature_of(BODY, "whsec_notthisonenotthisonenotthisone"),
    "another body's": signature_of(BODY + b" "),
    "an older scheme's": signature_of(BODY).replace("v1=", "v0="),
    "letters beyond ASCII": signature_of(BODY).replace("v1=", "v1=é"),
    "an empty secret's": signature_of(BODY, ""),
}


@pytest.mark.parametrize("signature", FORGED.values(), ids=FORGED.keys())
@pytest.mark.parametrize("path", [WEBHOOK, LEGACY])
def test_a_forged_delivery_is_a_400_and_writes_no_row(signature: str | None, path: str) -> None:
    with CaptureQueriesContext(connection) as queries:
        answer = send(BODY, signature, path)

    assert answer.status_code == 400
    assert len(queries) == 0
    assert nothing_was_taken_in()


def test_a_refusal_is_a_problem_with_a_code() -> None:
    assert_problem(send(BODY, "t=1,v1=0"), 400, "webhook_refused")


@pytest.mark.parametrize(("age_s", "status"), [(0, 200), (290, 200), (310, 400), (86400, 400)])
def test_a_signature_is_good_for_five_minutes(age_s: int, status: int) -> None:
    assert send(BODY, signature_of(BODY, age_s=age_s)).status_code == status
    assert InboxEvent.objects.count() == (status == 200)


def test_without_a_configured_secret_nothing_is_believed(settings: Any) -> None:
    settings.STRIPE_WEBHOOK_SECRETS = []

    assert_problem(send(BODY, signature_of(BODY, "")), 400, "webhook_refused")
    assert nothing_was_taken_in()


def test_while_a_secret_is_rotated_both_are_believed_and_afterwards_one(settings: Any) -> None:
    settings.STRIPE_WEBHOOK_SECRETS = ["whsec_new", "whsec_old"]
    answers = [send(BODY, signature_of(BODY, secret)).status_code for secret in ("whsec_old", "whsec_new")]
    settings.STRIPE_WEBHOOK_SECRETS = ["whsec_new"]

    assert [*answers, send(BODY, signature_of(BODY, "whsec_old")).status_code] == [200, 200, 400]


def test_a_header_with_an_old_and_a_new_signature_is_believed() -> None:
    moment, good = signature_of(BODY).split(",")

    assert send(BODY, f"{moment},v1={'0' * 64},{good},v0=1").status_code == 200


def test_debug_lets_no_header_replace_the_secret(settings: Any) -> None:
    settings.DEBUG = True
    headers = {
        "Stripe-Signature": signature_of(BODY, "whsec_mine"),
        "X-Djstripe-Webhook-Secret": "whsec_mine",
    }
    answer = browser_of().post(WEBHOOK, BODY, content_type="application/json", headers=headers)

    assert answer.status_code == 400


# --- Is it an event? ----------------------------------------------------------------------------------------------

NO_EVENTS: dict[str, Any] = {
    "nothing": b"",
    "a number beyond all": b'{"object": "event", "id": 1e400}',
    "a lone surrogate": b'{"object": "event", "id": "\\ud800"}',
    "no JSON": b"{id: evt_1}",
    "a list": b"[]",
    "a number": b"42",
    "null": b"null",
    "a text": b'"event"',
    "an empty object": b"{}",
    "another object": b'{"object": "charge", "id": "ch_1"}',
    "nothing but its name": b'{"object": "event"}',
    "no data": json.dumps({**json.loads(BODY), "data": None}).encode(),
    "data without an object": json.dumps({**json.loads(BODY), "data": {}}).encode(),
    "a list for an object": json.dumps({**json.loads(BODY), "data": {"object": [1]}}).encode(),
    "no id": json.dumps({**json.loads(BODY), "id": None}).encode(),
    "a number for an id": json.dumps({**json.loads(BODY), "id": 7}).encode(),
    "no type": json.dumps({**json.loads(BODY), "type": ""}).encode(),
    "a date for seconds": json.dumps({**json.loads(BODY), "created": "2026-11-21"}).encode(),
    "a time beyond all calendars": json.dumps({**json.loads(BODY), "created": 10**18}).encode(),
    "brackets without end": b"[" * 100_000,
    "more levels than anything has": BODY.replace(b"{", b'{"a": ' + b"[" * 100 + b"]" * 100 + b",", 1),
}


@pytest.mark.parametrize("body", NO_EVENTS.values(), ids=NO_EVENTS.keys())
@pytest.mark.parametrize("path", [WEBHOOK, LEGACY])
def test_a_signed_body_that_is_no_event_is_kept_and_not_asked_for_again(body: bytes, path: str) -> None:
    """It can't succeed, however often it is sent. Staff see what came, and why nothing came of it."""
    for _ in range(2):
        assert send(body, signature_of(body), path).status_code == 200

    row = InboxEvent.objects.get()
    assert row.status == "unreadable"
    assert row.note


def test_what_is_no_text_has_no_signature_that_could_be_right() -> None:
    body = b"\xff\xfe\x00"
    assert send(body, signature_of(body)).status_code == 400
    assert nothing_was_taken_in()


ODD_EVENTS: dict[str, dict[str, Any]] = {
    "an id of 300 letters": {"id": "evt_" + "1" * 296},
    "NUL": {"type": "a\0b", "data": {"object": {"name": "a\0b"}}},
    "a lone surrogate": {"data": {"object": {"name": "\ud800"}}},
    "a number beyond all": {"data": {"object": {"amount": float("inf")}}},
}


@pytest.mark.parametrize("odd", ODD_EVENTS.values(), ids=ODD_EVENTS.keys())
def test_an_event_that_no_column_could_hold_as_it_is_leaves_a_row_all_the_same(odd: dict[str, Any]) -> None:
    body = json.dumps({**json.loads(BODY), **odd}).replace("Infinity", "1e400").encode()
    for _ in range(2):
        assert send(body, signature_of(body)).status_code == 200
    assert InboxEvent.objects.get().attempts == 2


@pytest.mark.parametrize("size", [1024 * 1024 + 1, 5 * 1024 * 1024])
def test_a_body_larger_than_any_event_is_refused_unread(size: int) -> None:
    body = BODY + b" " * (size - len(BODY))

    assert_problem(send(body, signature_of(body)), 413, "webhook_too_large")
    assert nothing_was_taken_in()


def test_a_body_of_the_largest_size_is_taken_in() -> None:
    body = BODY + b" " * (1024 * 1024 - len(BODY))

    assert send(body, signature_of(body)).status_code == 200
    assert InboxEvent.objects.count() == 1


# --- Where? -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", [WEBHOOK, f"{WEBHOOK}/"])
def test_the_address_answers_with_and_without_its_slash_and_redirects_nobody(path: str) -> None:
    answer = send(BODY, signature_of(BODY), path)

    assert (answer.status_code, answer.json()) == (200, {"received": True})


@pytest.mark.parametrize("method", ["get", "put", "patch", "delete"])
def test_the_address_takes_posts_alone(method: str) -> None:
    answer = getattr(browser_of(), method)(WEBHOOK)

    assert_problem(answer, 405, "method_not_allowed")
    assert "POST" in answer["Allow"]


def test_stripe_needs_no_cookie_no_csrf_token_and_no_particular_headers() -> None:
    client = browser_of(enforce_csrf_checks=True)
    headers = {"Stripe-Signature": signature_of(BODY), "Accept": "*/*; q=0.5, application/xml"}
    answer = client.post(WEBHOOK, BODY, content_type="application/json; charset=utf-8", headers=headers)

    assert answer.status_code == 200


def test_a_bearer_token_in_the_request_is_not_looked_at() -> None:
    headers = {"Stripe-Signature": signature_of(BODY), "Authorization": "Bearer junk"}

    assert (
        browser_of().post(WEBHOOK, BODY, content_type="application/json", headers=headers).status_code == 200
    )
