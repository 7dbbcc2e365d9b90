"""Payments at the local Stripe that are not credited: one that doesn't agree with its purchase, and a second one."""

from __future__ import annotations

import re
from typing import Any

import stripe
from django.conf import settings
from django.test import Client

from accounts.models import User
from billing.models import Purchase
from tests.admin.pages import button_of, read
from tests.billing.reporting import deliver
from tests.builders import start
from tests.local_world import Sandbox


def held_back(sandbox: Sandbox, buyer: User, *, is_told: bool = True, **wrong: Any) -> Purchase:
    """Paid with $45.00 and not credited, as its price is another meanwhile, or what ``wrong`` says. Unless it
    ``is_told``, its webhooks are still held.
    """
    started = start(buyer, "standard")
    Purchase.objects.filter(pk=started.purchase.pk).update(**(wrong or {"price_minor": 4600}))
    sandbox.pay(started.session_id)
    if is_told:
        deliver(sandbox)
    return Purchase.objects.get(pk=started.purchase.pk)


def pay_again(sandbox: Sandbox, purchase: Purchase, *, is_told: bool = True) -> str:
    """The id of a second payment of $45.00 that carries the purchase's id: by another checkout, which isn't ours."""
    sandbox.pay(_another_checkout(purchase))
    if is_told:
        deliver(sandbox)
    return str(sandbox.objects("payment_intent")[-1]["id"])


def _another_checkout(purchase: Purchase) -> str:
    made = client_of_stripe().v1.checkout.sessions.create(
        {
            "mode": "payment",
            "line_items": [
                {
                    "quantity": 1,
                    "price_data": {
                        "currency": "usd",
                        "unit_amount": 4500,
                        "product_data": {"name": "Standard"},
                    },
                }
            ],
            "payment_intent_data": {"metadata": {"purchase_id": str(purchase.pk)}},
            "success_url": "https://example.com/",
        }
    )
    return made.id


def client_of_stripe() -> stripe.StripeClient:
    return stripe.StripeClient(
        settings.STRIPE_SECRET_KEY,
        base_addresses={"api": settings.STRIPE_API_BASE},
        stripe_version=settings.STRIPE_API_VERSION,
    )


def refunded_at_stripe(sandbox: Sandbox, payment: str | None) -> list[tuple[int, str]]:
    """Amount and status of each refund of the payment."""
    refunds = sandbox.objects("refund")
    return [(made["amount"], made["status"]) for made in refunds if made["payment_intent"] == payment]


def answers_of(client: Client, purchase: Purchase) -> dict[str, str]:
    """What the dialog posts as it was drawn, with a note."""
    dialog = read(client, button_of(purchase, "give_back"))
    hidden = dict(re.findall(r'name="(payment|minor|key)" value="(\w+)"', dialog))
    return {"_form_submitted": "True", "note": "Told by mail", **hidden}


def give_back(client: Client, purchase: Purchase, **answers: str) -> Any:
    """Says yes to the dialog, but for ``answers``."""
    return client.post(button_of(purchase, "give_back"), {**answers_of(client, purchase), **answers})
