"""Refunds as staff ask for them, and as somebody makes them in Stripe's dashboard."""

from __future__ import annotations

import re
from typing import Any

import stripe
from django.conf import settings
from django.test import Client

from accounts.models import User
from billing.purchases.models import Purchase
from billing.refunds.models import Refund
from billing.refunds.refunding import RefundOrder, refund_purchase
from tests.admin.pages import button_of, read
from tests.support.sandbox import Sandbox


def finance() -> User:
    """Somebody who may refund any amount."""
    member, _created = User.objects.get_or_create(
        username="finance", defaults={"is_staff": True, "is_superuser": True}
    )
    return member


def order(amount_minor: int, **more: Any) -> RefundOrder:
    facts: dict[str, Any] = {
        "reason": Refund.Reason.REQUESTED_BY_CUSTOMER,
        "policy": Refund.Policy.CAP,
        "note": "Asked by mail.",
        "origin": Refund.Origin.ADMIN,
        "asked_by": finance(),
        **more,
    }
    return RefundOrder(amount_minor=amount_minor, **facts)


def refund(purchase: Purchase, amount_minor: int, **more: Any) -> Any:
    """The `Refund`, untyped: its amounts are compared with plain numbers."""
    return refund_purchase(purchase.pk, order(amount_minor, **more))


def refund_in_dashboard(paid: Purchase | str, amount_minor: int) -> str:
    """Stripe's id of a refund that bears no mark of ours: of a purchase's payment, or of this one."""
    intent = paid if isinstance(paid, str) else paid.stripe_payment_intent_id
    client = stripe.StripeClient(
        settings.STRIPE_SECRET_KEY,
        base_addresses={"api": settings.STRIPE_API_BASE},
        stripe_version=settings.STRIPE_API_VERSION,
    )
    made = client.v1.refunds.create({"payment_intent": intent or "", "amount": amount_minor})
    return made.id


def press(client: Client, purchase: Purchase, **answers: str) -> Any:
    """Says yes to the dialog as it was drawn, but for ``answers``."""
    dialog = read(client, button_of(purchase, "refund"))
    key = re.search(r'name="key" value="(\w+)"', dialog)
    assert key is not None
    facts = {"amount": "10", "policy": "cap", "reason": "", "note": "Asked by mail", "key": key[1]}
    return client.post(button_of(purchase, "refund"), {"_form_submitted": "True", **facts, **answers})


def total_refunded(sandbox: Sandbox) -> int:
    """Of all payments at Stripe, what went back or is on its way."""
    return sum(r["amount"] for r in sandbox.objects("refund") if r["status"] in ("succeeded", "pending"))
