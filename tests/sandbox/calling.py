"""Call the sandbox as Stripe's library does, and read the events it sent."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import stripe

from tests.support.sandbox import Sandbox

API_KEY = "sk_test_" + "a" * 24
# The events of a payment: outright, and by a checkout once it has begun.
BY_INTENT = ["payment_intent.created", "charge.succeeded", "payment_intent.succeeded", "charge.updated"]
PAID = ["charge.succeeded", "payment_intent.succeeded", "checkout.session.completed", "charge.updated"]


def connect(sandbox: Sandbox, api_key: str = API_KEY) -> stripe.StripeClient:
    """Stripe's own client, which talks to the sandbox and never tries twice."""
    return stripe.StripeClient(api_key, base_addresses={"api": sandbox.url}, max_network_retries=0)


def create_session(client: stripe.StripeClient, **params: Any) -> stripe.checkout.Session:
    """A checkout session for one thing at 45 dollars, unless `params` say otherwise."""
    price = {"currency": "usd", "unit_amount": 4500, "product_data": {"name": "Studio pack"}}
    defaults: dict[str, Any] = {
        "mode": "payment",
        "line_items": [{"price_data": price, "quantity": 1}],
        "success_url": "http://shop.test/done?session={CHECKOUT_SESSION_ID}",
        "cancel_url": "http://shop.test/back",
    }
    return client.v1.checkout.sessions.create({**defaults, **params})  # type: ignore[arg-type]


def list_event_types(sandbox: Sandbox) -> list[str]:
    """What happened so far, in order."""
    return [event["type"] for event in sandbox.objects("event")]


def list_events_of(sandbox: Sandbox, *beginnings: str) -> list[str]:
    """What happened so far, in order, of the types that begin like this."""
    return [event_type for event_type in list_event_types(sandbox) if event_type.startswith(beginnings)]


def find_event(sandbox: Sandbox, event_type: str) -> dict[str, Any]:
    """The `data` of the latest event of a type."""
    found = [event for event in sandbox.objects("event") if event["type"] == event_type]
    data: dict[str, Any] = found[-1]["data"]
    return data


MakeSession = Callable[..., stripe.checkout.Session]


Pay = Callable[..., str]
