"""Faults, time, counting calls, forged events, and starting afresh."""

from __future__ import annotations

import time
from typing import Any

import pytest
import requests
import stripe

from tests.sandbox.calling import MakeSession
from tests.sandbox.receiver import Receiver
from tests.support.sandbox import Sandbox


def test_a_fault_answers_the_next_calls_of_a_route(sandbox: Sandbox, client: stripe.StripeClient) -> None:
    sandbox.fault(method="POST", path="/v1/products", status=503, times=2)
    for _ in range(2):
        with pytest.raises(stripe.APIError) as error:
            client.v1.products.create({"name": "Pack"})
        assert error.value.http_status == 503
    client.v1.products.create({"name": "Pack"})
    assert len(sandbox.objects("product")) == 1
    (fault,) = sandbox.get("/_sandbox/faults")["faults"]
    assert fault["hits"] == 2


def test_a_call_can_be_carried_out_and_its_answer_lost(sandbox: Sandbox, client: stripe.StripeClient) -> None:
    sandbox.fault(method="POST", path="/v1/products", status=None, after=True)
    with pytest.raises(stripe.APIConnectionError):
        client.v1.products.create({"name": "Pack"}, {"idempotency_key": "k"})
    assert len(sandbox.objects("product")) == 1
    again = client.v1.products.create({"name": "Pack"}, {"idempotency_key": "k"})
    assert [product["id"] for product in sandbox.objects("product")] == [again.id]


def test_a_call_can_be_carried_out_and_answered_with_an_error(
    sandbox: Sandbox, client: stripe.StripeClient
) -> None:
    sandbox.fault(method="POST", path="/v1/products", status=500, after=True)
    with pytest.raises(stripe.APIError):
        client.v1.products.create({"name": "Pack"}, {"idempotency_key": "k"})
    again = client.v1.products.create({"name": "Pack"}, {"idempotency_key": "k"})
    assert [product["id"] for product in sandbox.objects("product")] == [again.id]


def test_a_connection_can_break_before_anything_happens(
    sandbox: Sandbox, client: stripe.StripeClient
) -> None:
    sandbox.fault(path="/v1/prod*", status=None)
    with pytest.raises(stripe.APIConnectionError):
        client.v1.products.list()
    assert client.v1.products.list().data == []


def test_a_gateways_error_leaves_nothing_under_the_key_and_hits_replays_too(
    sandbox: Sandbox, client: stripe.StripeClient
) -> None:
    for _ in range(2):
        sandbox.fault(method="POST", path="/v1/products", status=503)
        with pytest.raises(stripe.APIError):
            client.v1.products.create({"name": "Pack"}, {"idempotency_key": "k"})
        client.v1.products.create({"name": "Pack"}, {"idempotency_key": "k"})
    assert len(sandbox.objects("product")) == 1


def test_an_answer_can_be_late(sandbox: Sandbox, client: stripe.StripeClient) -> None:
    sandbox.fault(path="/v1/products", delay_ms=200)
    started = time.monotonic()
    client.v1.products.list()
    assert time.monotonic() - started >= 0.2


def test_a_fault_says_rate_limited_as_stripe_does(sandbox: Sandbox, client: stripe.StripeClient) -> None:
    sandbox.fault(path="*", status=429)
    with pytest.raises(stripe.RateLimitError):
        client.v1.products.list()


def test_faults_can_be_cleared(sandbox: Sandbox, client: stripe.StripeClient) -> None:
    sandbox.fault(path="*", status=500, times=None)
    assert sandbox.delete("/_sandbox/faults") == {"faults": []}
    assert client.v1.products.list().data == []


@pytest.mark.parametrize(
    ("path", "order"),
    [
        ("faults", {"path": "/v1/x"}),
        ("faults", {"path": "/v1/x", "status": 500, "when": "now"}),
        ("faults", {"path": "/v1/x", "status": 42}),
        ("clock", {"advance_s": -1}),
        ("clock", {"advance_s": "soon"}),
        ("clock", {"advance_s": True}),
        ("clock", {}),
        ("webhooks/mode", {"mode": None}),
        ("webhooks/mode", {"mode": "later"}),
        ("webhooks/release", {"order": "random"}),
        ("webhooks/release", {"copies": "two"}),
        ("webhooks/wait", {"timeout_s": "long"}),
        ("webhooks/drop", {"types": 3}),
        ("events", {"type": "x"}),
        ("checkout/sessions/cs_none/settle", {}),
    ],
)
def test_an_order_that_makes_no_sense_is_refused_with_a_reason(
    sandbox: Sandbox, path: str, order: dict[str, Any]
) -> None:
    answer = requests.post(f"{sandbox.url}/_sandbox/{path}", json=order, timeout=5)
    assert 400 <= answer.status_code < 500
    assert isinstance(answer.json()["error"], str)


def test_what_is_due_happens_in_order_and_each_at_its_own_time(
    sandbox: Sandbox, client: stripe.StripeClient, make_session: MakeSession
) -> None:
    """A refund that fails after an hour, between two sessions that expire."""
    now = sandbox.get("/_sandbox/clock")["now"]
    late, early = make_session(), make_session(expires_at=now + 1900)
    charge = sandbox.pay(make_session().id, "4000000000005126")["payment_intent"]["latest_charge"]
    refund = client.v1.refunds.create({"charge": charge})
    before = len(sandbox.objects("event"))
    sandbox.advance(2 * 86400)
    happened = [
        (event["type"], event["data"]["object"]["id"], event["created"])
        for event in sandbox.objects("event")[before:]
        if not event["type"].endswith("updated")
    ]
    assert happened == [
        ("checkout.session.expired", early.id, now + 1900),
        ("refund.failed", refund.id, refund.created + 3600),
        ("checkout.session.expired", late.id, late.expires_at),
    ]


def test_the_clock_moves_what_is_created_but_not_signatures(
    sandbox: Sandbox, receiver: Receiver, client: stripe.StripeClient
) -> None:
    now = sandbox.post("/_sandbox/clock", {"advance_s": 86400})["now"]
    assert now >= int(time.time()) + 86400 - 1
    assert client.v1.products.create({"name": "Pack"}).created >= now
    sandbox.wait_for_webhooks()
    (webhook,) = receiver.received
    assert webhook.event["created"] >= now
    signed_at = int(webhook.signature.split(",")[0].removeprefix("t="))
    assert abs(signed_at - time.time()) < 5


def test_calls_are_counted(sandbox: Sandbox, client: stripe.StripeClient) -> None:
    client.v1.products.create({"name": "Pack"}, {"idempotency_key": "k"})
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.products.retrieve("prod_none")
    seen = [(call["method"], call["path"], call["status"]) for call in sandbox.calls()]
    assert seen == [("POST", "/v1/products", 200), ("GET", "/v1/products/prod_none", 404)]
    assert sandbox.calls()[0]["idempotency_key"] == "k"
    sandbox.delete("/_sandbox/requests")
    assert sandbox.calls() == []


def test_a_made_up_event_is_sent_as_it_is(sandbox: Sandbox, receiver: Receiver) -> None:
    odd = {"id": "cs_odd", "object": "checkout.session", "unheard_of": True}
    order = {
        "type": "checkout.session.completed",
        "object": odd,
        "event": {"id": "evt_odd", "livemode": True},
    }
    sandbox.post("/_sandbox/events", order)
    sandbox.post("/_sandbox/events", order)
    sandbox.wait_for_webhooks()
    assert [webhook.event["id"] for webhook in receiver.received] == ["evt_odd", "evt_odd"]
    assert receiver.received[0].event["data"]["object"] == odd
    assert receiver.received[0].event["livemode"] is True


def test_a_reset_empties_everything_and_keeps_the_command_lines_endpoint(
    sandbox: Sandbox, receiver: Receiver, client: stripe.StripeClient
) -> None:
    client.v1.webhook_endpoints.create({"url": receiver.url, "enabled_events": ["*"]})
    sandbox.fault(path="*", status=500, times=None)
    sandbox.hold_webhooks()
    sandbox.post("/_sandbox/clock", {"advance_s": 86400})
    sandbox.post("/_sandbox/reset")
    assert sandbox.get("/_sandbox/clock")["now"] <= time.time()
    assert (sandbox.objects("event"), sandbox.calls()) == ([], [])
    assert [endpoint.url for endpoint in client.v1.webhook_endpoints.list().data] == [receiver.url]
    client.v1.products.create({"name": "Pack"})
    sandbox.wait_for_webhooks()
    assert receiver.types == ["product.created"]


def test_the_front_page_shows_what_happened(sandbox: Sandbox, client: stripe.StripeClient) -> None:
    client.v1.products.create({"name": "Pack"})
    page = requests.get(sandbox.url, timeout=5)
    assert page.status_code == 200
    assert "product.created" in page.text


def test_copies_of_an_object_are_listed_as_others_are(sandbox: Sandbox, client: stripe.StripeClient) -> None:
    first = client.v1.products.create({"name": "Pack"})
    path = f"/_sandbox/objects/product/{first.id}/copies"
    copies = [{"id": f"prod_{number}", "name": f"Pack {number}", "created": number} for number in range(3)]
    assert sandbox.post(path, {"copies": copies}) == {"copies": 3}

    listed = client.v1.products.list({"created": {"lte": 2}, "limit": 2})
    assert ([product.name for product in listed.data], listed.has_more) == (["Pack 2", "Pack 1"], True)
    assert client.v1.products.retrieve("prod_0").description == first.description
    assert len(sandbox.objects("event")) == 1, "nobody is told of copies"


def test_copies_that_make_no_sense_are_refused(sandbox: Sandbox, client: stripe.StripeClient) -> None:
    first = client.v1.products.create({"name": "Pack"})
    path = f"{sandbox.url}/_sandbox/objects/product"
    wrong: list[tuple[str, list[Any], int]] = [
        (first.id, [{"name": "no id"}], 400),
        (first.id, ["prod_1"], 400),
        (first.id, [{"id": first.id}], 409),
        ("prod_unknown", [], 404),
    ]
    for of, copies, status in wrong:
        answer = requests.post(f"{path}/{of}/copies", json={"copies": copies}, timeout=20)
        assert (answer.status_code, set(answer.json())) == (status, {"error"})
    assert len(sandbox.objects("product")) == 1
