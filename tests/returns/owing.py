"""Payments at the local Stripe that are not accepted: one that doesn't agree with its purchase, and a second one."""

from __future__ import annotations

import re
from typing import Any

import pytest
import stripe
from django.conf import settings
from django.test import Client

from accounts.models import User
from billing.purchases.models import Purchase
from billing.purchases.selectors import purchases_needing_attention
from credits.ledger.models import Account, Clawback, Entry
from tests.admin.pages import button_of, read
from tests.billing.reporting import deliver
from tests.returns.selling import buy, fresh
from tests.support.builders import start
from tests.support.sandbox import Sandbox

# A purchase with a payment of $45.00 that was not accepted, and that payment.
Owed = tuple[Purchase, str]


def held_back(sandbox: Sandbox, buyer: User, *, is_told: bool = True, **wrong: Any) -> Purchase:
    """Paid with $45.00 and not accepted, as its price is another meanwhile, or what ``wrong`` says. Unless it
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
    dialog = read(client, button_of(purchase, "refund_payment"))
    hidden = dict(re.findall(r'name="(payment|minor|key)" value="([\w-]+)"', dialog))
    return {"_form_submitted": "True", "note": "Told by mail", **hidden}


def refund_owed(client: Client, purchase: Purchase, **answers: str) -> Any:
    """Says yes to the dialog, but for ``answers``."""
    return client.post(button_of(purchase, "refund_payment"), {**answers_of(client, purchase), **answers})


@pytest.fixture(params=["held back", "second"])
def owed(request: pytest.FixtureRequest, sandbox: Sandbox, buyer: User) -> Owed:
    """A purchase with a payment of $45.00 that was not accepted, and that payment."""
    return make_owed(request.param, sandbox, buyer)


def make_owed(kind: str, sandbox: Sandbox, buyer: User, **how: Any) -> Owed:
    if kind == "held back":
        purchase = held_back(sandbox, buyer, **how)
        return purchase, purchase.stripe_payment_intent_id or ""
    purchase = buy(sandbox, buyer)
    second = pay_again(sandbox, purchase, **how)
    return fresh(purchase), second


def credits_of(purchase: Purchase) -> tuple[Any, int]:
    """The balance, and how many entries there are."""
    return Account.objects.get(pk=purchase.account_id).balance, Entry.objects.count()


def what_happened_to(purchase: Purchase) -> list[str]:
    return list(purchase.events.order_by("id").values_list("what", flat=True))


def is_before_staff(purchase: Purchase) -> bool:
    return purchases_needing_attention().filter(pk=purchase.pk).exists()


def sums_of(purchase: Purchase) -> tuple[Any, ...]:
    now = fresh(purchase)
    return now.refunded_minor, Clawback.objects.filter(account=now.account_id).count()
