"""Webhooks that Stripe should never send: odd envelopes, odd values, and bodies that are no event at all."""

from __future__ import annotations

import json
from typing import Any

import pytest
import requests
import stripe

from tests.sandbox.receiver import Receiver
from tests.support.sandbox import WEBHOOK_SECRET, Sandbox

ENVELOPE: dict[str, Any] = {
    "id": "evt_odd",
    "object": "event",
    "type": "charge.succeeded",
    "created": 1795241164,
    "data": {"object": {"id": "ch_1", "object": "charge"}},
}
BODIES = {
    "an id of 300 characters": json.dumps({**ENVELOPE, "id": "evt_" + "x" * 296}).encode(),
    "a number for an id": json.dumps({**ENVELOPE, "id": 7}).encode(),
    "a NUL": json.dumps({**ENVELOPE, "type": "charge.\x00"}).encode(),
    "half a character": json.dumps({**ENVELOPE, "type": "\ud800"}).encode(),
    "a number beyond all": json.dumps(ENVELOPE).replace("1795241164", "1e400").encode(),
    "no UTF-8": b'{"id": "\xff\xfe"}',
    "no JSON": b"{id: evt_1}",
    "nothing": b"",
    "depth": b'{"data": ' + b"[" * 5000 + b"]" * 5000 + b"}",
    "size": json.dumps({**ENVELOPE, "filler": "x" * 3_000_000}).encode(),
}


def verify(payload: str, signature: str) -> None:
    """Raises unless Stripe's own library holds the body to be Stripe's."""
    stripe.WebhookSignature.verify_header(payload, signature, WEBHOOK_SECRET)


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES.keys())
def test_a_body_is_sent_as_it_is_and_signed(sandbox: Sandbox, receiver: Receiver, body: bytes) -> None:
    answer = sandbox.send_bytes(body)
    assert (answer["status"], answer["body"], answer["error"]) == (200, "ok", None)
    (webhook,) = receiver.received
    assert webhook.payload.encode(errors="surrogateescape") == body
    if b"\xff" not in body:
        verify(webhook.payload, webhook.signature)
    assert sandbox.objects("event") == []
    assert sandbox.get("/_sandbox/webhooks")["deliveries"] == []


def test_a_body_is_sent_at_once_even_while_others_are_held(sandbox: Sandbox, receiver: Receiver) -> None:
    sandbox.hold_webhooks()
    receiver.answers = [503]
    assert sandbox.send_event({**ENVELOPE, "livemode": True, "account": "acct_1"})["status"] == 503
    (webhook,) = receiver.received  # and it is not tried again
    assert (webhook.event["livemode"], webhook.event["account"]) == (True, "acct_1")


def test_a_body_may_go_to_another_endpoint(
    sandbox: Sandbox, receiver: Receiver, client: stripe.StripeClient
) -> None:
    url = receiver.url.replace("/hook", "/second")
    endpoint = client.v1.webhook_endpoints.create({"url": url, "enabled_events": ["charge.failed"]})
    address = f"{sandbox.url}/_sandbox/webhooks/send"
    answer = requests.post(address, params={"endpoint": endpoint.id}, data=b"{}", timeout=5).json()
    assert (answer["endpoint"], answer["url"], answer["status"]) == (endpoint.id, url, 200)
    assert [webhook.path for webhook in receiver.received] == ["/second"]
    unknown = requests.post(address, params={"endpoint": "we_none"}, data=b"{}", timeout=5)
    assert (unknown.status_code, requests.get(address, timeout=5).status_code) == (404, 405)


def test_what_overrides_an_envelope_leaves_the_rest_of_it(sandbox: Sandbox, receiver: Receiver) -> None:
    sandbox.post(
        "/_sandbox/events",
        {
            "type": "refund.updated",
            "object": {"id": "re_1", "object": "refund"},
            "previous_attributes": {"status": "pending"},
            "event": {"account": "acct_other", "api_version": "2020-08-27"},
        },
    )
    sandbox.wait_for_webhooks()
    (webhook,) = receiver.received
    assert (webhook.event["account"], webhook.event["api_version"]) == ("acct_other", "2020-08-27")
    assert webhook.event["data"]["previous_attributes"] == {"status": "pending"}
    assert webhook.event["livemode"] is False


def test_an_envelope_that_cannot_be_kept_is_refused(sandbox: Sandbox) -> None:
    for envelope in ({"id": None}, {"id": 7}, {"type": ["x"]}):
        order: dict[str, Any] = {"type": "refund.updated", "object": {}, "event": envelope}
        answer = requests.post(f"{sandbox.url}/_sandbox/events", json=order, timeout=5)
        assert (answer.status_code, set(answer.json())) == (400, {"error"})
