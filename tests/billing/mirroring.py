"""Products, prices and payments at the local Stripe, and the events that mirror them."""

from __future__ import annotations

from typing import Any

import stripe
from django.conf import settings as django_settings

from billing.stripe import mirror as stripe_mirror
from tests.support.sandbox import Sandbox


def api() -> stripe.StripeClient:
    return stripe.StripeClient(
        django_settings.STRIPE_SECRET_KEY, base_addresses={"api": django_settings.STRIPE_API_BASE}
    )


def make_product(name: str = "Pack of 100") -> str:
    return api().v1.products.create({"name": name, "metadata": {"package_code": "pack"}}).id


def make_price(product_id: str, minor: int = 4500, currency: str = "usd", lookup_key: str = "pack") -> str:
    return (
        api()
        .v1.prices.create(
            {
                "product": product_id,
                "unit_amount": minor,
                "currency": currency,
                "lookup_key": lookup_key,
                "transfer_lookup_key": True,
            }
        )
        .id
    )


def events(client: stripe.StripeClient, *types: str) -> list[dict[str, Any]]:
    """What has happened, oldest first, as the webhook brings it."""
    found = [event.to_dict() for event in client.v1.events.list({"limit": 100}).auto_paging_iter()]
    found = [stripe_mirror._plain(event) for event in found]
    return [event for event in reversed(found) if not types or event["type"] in types]


def pay(client: stripe.StripeClient, sandbox: Sandbox, price_id: str, **payment: Any) -> str:
    session = client.v1.checkout.sessions.create(
        {
            "mode": "payment",
            "line_items": [{"price": price_id, "quantity": 1}],
            "customer_creation": "always",
            "success_url": "http://testserver/done",
            "cancel_url": "http://testserver/cancelled",
        }
    )
    sandbox.pay(session.id, **payment)
    return session.id
