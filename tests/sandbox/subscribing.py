"""Take subscriptions as a shop and its buyers do: prices, a checkout, a card."""

from __future__ import annotations

from typing import Any

import stripe

from tests.sandbox.calling import create_session
from tests.support.sandbox import Sandbox

HOUR_S = 3600
DAY_S = 24 * HOUR_S
PAYS, DECLINES, ASKS = "4242424242424242", "4000000000000341", "4000002760003184"


def make_price(client: stripe.StripeClient, name: str = "Plus", amount: int = 4000, **recurring: Any) -> str:
    """A recurring price of a new product, by the month unless told otherwise."""
    product = client.v1.products.create({"name": name}).id
    terms: Any = {"interval": "month", **recurring}
    price = {"product": product, "currency": "usd", "unit_amount": amount, "recurring": terms}
    return client.v1.prices.create(price).id  # type: ignore[arg-type]


def open_checkout(client: stripe.StripeClient, price: str, **params: Any) -> stripe.checkout.Session:
    return create_session(client, mode="subscription", line_items=[{"price": price, "quantity": 1}], **params)


def subscribe(
    sandbox: Sandbox, client: stripe.StripeClient, price: str | None = None, card: str = PAYS, **data: Any
) -> stripe.Subscription:
    """A subscription that a card has paid for; ``data`` is the checkout's ``subscription_data``."""
    session = open_checkout(client, price or make_price(client), subscription_data=data)
    paid = sandbox.pay(session.id, card)["session"]
    return client.v1.subscriptions.retrieve(paid["subscription"])


def get_item(subscription: stripe.Subscription) -> stripe.SubscriptionItem:
    """Its only item."""
    (item,) = subscription["items"].data
    assert isinstance(item, stripe.SubscriptionItem)
    return item


def list_since(sandbox: Sandbox, seen: int) -> list[str]:
    """The types of the events after the first ``seen``, but for those of payments."""
    types = [event["type"] for event in sandbox.objects("event")[seen:]]
    return [each for each in types if each.startswith(("invoice.", "customer.subscription."))]
