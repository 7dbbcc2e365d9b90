"""Webhooks: signed, retried, in any order, and never lost."""

from __future__ import annotations

import time
from threading import Barrier

import pytest
import stripe

from tests.sandbox.calling import MakeSession
from tests.sandbox.receiver import Receiver
from tests.support.sandbox import WEBHOOK_SECRET, Sandbox


def verify(payload: str, signature: str, secret: str = WEBHOOK_SECRET) -> stripe.Event:
    event: stripe.Event = stripe.Webhook.construct_event(payload, signature, secret)
    return event


def test_a_webhook_verifies_with_stripes_own_library(
    sandbox: Sandbox, receiver: Receiver, client: stripe.StripeClient
) -> None:
    product = client.v1.products.create({"name": "Pack"})
    sandbox.wait_for_webhooks()
    (webhook,) = receiver.received
    event = verify(webhook.payload, webhook.signature)
    assert (event.type, event.data.object["id"]) == ("product.created", product.id)
    assert (event.pending_webhooks, event.livemode) == (1, False)
    assert webhook.user_agent.startswith("Stripe/1.0")
    with pytest.raises(stripe.SignatureVerificationError):
        verify(webhook.payload, webhook.signature, "whsec_other")


def test_a_failed_delivery_is_retried_with_the_same_body_and_a_fresh_signature(
    sandbox: Sandbox, receiver: Receiver, client: stripe.StripeClient
) -> None:
    receiver.answers = [500]
    client.v1.products.create({"name": "Pack"})
    sandbox.wait_for_webhooks()
    first, second = receiver.received
    assert first.payload == second.payload
    assert first.signature != second.signature
    (delivery,) = sandbox.get("/_sandbox/webhooks")["deliveries"]
    assert delivery["state"] == "delivered"
    assert [attempt["status"] for attempt in delivery["attempts"]] == [500, 200]


def test_a_redirect_is_a_failure_and_not_followed(
    sandbox: Sandbox, receiver: Receiver, client: stripe.StripeClient
) -> None:
    receiver.answers, receiver.location = [301], "/elsewhere"
    client.v1.products.create({"name": "Pack"})
    sandbox.wait_for_webhooks()
    assert [webhook.path for webhook in receiver.received] == ["/hook", "/hook"]


def test_an_endpoint_gets_only_the_events_it_asked_for(
    sandbox: Sandbox, receiver: Receiver, client: stripe.StripeClient
) -> None:
    url = receiver.url.replace("/hook", "/second")
    endpoint = client.v1.webhook_endpoints.create({"url": url, "enabled_events": ["customer.created"]})
    assert endpoint.secret is not None
    assert "secret" not in client.v1.webhook_endpoints.retrieve(endpoint.id).to_dict()
    client.v1.products.create({"name": "Pack"})
    client.v1.customers.create({})
    sandbox.wait_for_webhooks()
    (webhook,) = [webhook for webhook in receiver.received if webhook.path == "/second"]
    assert verify(webhook.payload, webhook.signature, endpoint.secret).type == "customer.created"
    assert webhook.event["pending_webhooks"] == 2


def test_a_disabled_endpoint_gets_nothing(
    sandbox: Sandbox, receiver: Receiver, client: stripe.StripeClient
) -> None:
    url = receiver.url.replace("/hook", "/second")
    endpoint = client.v1.webhook_endpoints.create({"url": url, "enabled_events": ["*"]})
    client.v1.webhook_endpoints.update(endpoint.id, {"disabled": True})
    client.v1.customers.create({})
    sandbox.wait_for_webhooks()
    assert [webhook.path for webhook in receiver.received] == ["/hook"]


def hold_payment(sandbox: Sandbox, make_session: MakeSession) -> list[str]:
    """Pay with webhooks held; returns the events' types in their order."""
    sandbox.hold_webhooks()
    sandbox.pay(make_session().id)
    return [delivery["type"] for delivery in sandbox.get("/_sandbox/webhooks")["deliveries"]]


def test_held_webhooks_stay_until_released(
    sandbox: Sandbox, receiver: Receiver, make_session: MakeSession
) -> None:
    types = hold_payment(sandbox, make_session)
    assert receiver.received == []
    answer = sandbox.release_webhooks()
    assert receiver.types == types
    assert [sent["answer"]["status"] for sent in answer["released"]] == [200] * len(types)
    assert sandbox.release_webhooks()["released"] == []
    states = {delivery["state"] for delivery in sandbox.get("/_sandbox/webhooks")["deliveries"]}
    assert states == {"delivered"}


def test_webhooks_are_released_in_reverse_and_twice(
    sandbox: Sandbox, receiver: Receiver, make_session: MakeSession
) -> None:
    types = hold_payment(sandbox, make_session)
    sandbox.release_webhooks(order="reverse", copies=2)
    assert receiver.types == [event_type for event_type in reversed(types) for _ in range(2)]


def test_a_shuffle_repeats_by_its_seed(
    sandbox: Sandbox, receiver: Receiver, make_session: MakeSession
) -> None:
    types = hold_payment(sandbox, make_session)
    for _ in range(2):
        sandbox.release_webhooks(order="shuffle", seed=7, replay=True)
    first, second = receiver.types[: len(types)], receiver.types[len(types) :]
    assert first == second != types
    assert sorted(first) == sorted(types)


def test_types_can_be_chosen_and_dropped(
    sandbox: Sandbox, receiver: Receiver, make_session: MakeSession
) -> None:
    types = hold_payment(sandbox, make_session)
    answer = sandbox.release_webhooks(types=["charge.succeeded"], drop=["checkout.session.completed"])
    assert (receiver.types, answer["dropped"]) == (["charge.succeeded"], 1)
    assert sandbox.post("/_sandbox/webhooks/drop")["dropped"] == len(types) - 2
    assert sandbox.release_webhooks()["released"] == []


def test_what_is_refused_on_release_stays_held(
    sandbox: Sandbox, receiver: Receiver, client: stripe.StripeClient
) -> None:
    sandbox.hold_webhooks()
    client.v1.products.create({"name": "Pack"})
    receiver.answers = [503]
    (refused,) = sandbox.release_webhooks()["released"]
    assert (refused["answer"]["status"], refused["state"]) == (503, "held")
    (accepted,) = sandbox.release_webhooks()["released"]
    assert (accepted["answer"]["status"], accepted["state"]) == (200, "delivered")


def test_a_release_can_be_concurrent(sandbox: Sandbox, receiver: Receiver, make_session: MakeSession) -> None:
    hold_payment(sandbox, make_session)
    receiver.together = Barrier(10, timeout=20)
    released = sandbox.release_webhooks(copies=2, concurrency=10)["released"]
    assert [sent["answer"]["status"] for sent in released] == [200] * 10


def test_a_release_is_one_by_one_unless_told(
    sandbox: Sandbox, receiver: Receiver, make_session: MakeSession
) -> None:
    hold_payment(sandbox, make_session)
    receiver.together = Barrier(2, timeout=0.3)
    released = sandbox.release_webhooks()["released"]
    assert [sent["answer"]["status"] for sent in released] == [504] * len(released)


def test_what_is_on_its_way_at_a_reset_is_not_written_into_the_new_state(
    sandbox: Sandbox, receiver: Receiver, client: stripe.StripeClient
) -> None:
    receiver.pause_s = 0.3
    client.v1.products.create({"name": "Pack"})
    time.sleep(0.1)
    sandbox.post("/_sandbox/reset")
    sandbox.wait_for_webhooks()
    time.sleep(0.4)
    assert sandbox.get("/_sandbox/webhooks")["deliveries"] == []
