"""Create Stripe's side of sample purchases: a session and a payment at the local Stripe for each."""

from __future__ import annotations

from itertools import islice
from typing import Any

from bench.services import control, open_checkout, pay
from billing.purchases.models import Purchase

CALL = 1000
OPEN_OR_EXPIRED = {Purchase.Status.EXPIRED: "expired", Purchase.Status.PENDING: "open"}


def give_stripe_its_side(sandbox_url: str, *, lose_every: int = 0) -> None:
    """Copy one paid session for each purchase, oldest first.

    ``lose_every``: leave out one in so many sessions, so that there is something to find.
    """
    paid = pay(sandbox_url, open_checkout(sandbox_url)["id"])
    purchases = Purchase.objects.prefetch_related("payments").order_by("created_at", "id")
    kept = (
        purchase
        for number, purchase in enumerate(purchases.iterator(chunk_size=CALL), start=1)
        if not lose_every or number % lose_every
    )
    while some := list(islice(kept, CALL)):
        payments = [_payment_of(purchase) for purchase in some if purchase.stripe_payment_intent_id]
        _copy(sandbox_url, paid["payment_intent"], payments)
        _copy(sandbox_url, paid["session"], [_session_of(purchase) for purchase in some])


def _copy(sandbox_url: str, of: dict[str, Any], copies: list[dict[str, Any]]) -> None:
    control(sandbox_url, f"objects/{of['object']}/{of['id']}/copies", copies=copies)


def _session_of(purchase: Purchase) -> dict[str, Any]:
    fields = {
        "id": purchase.stripe_session_id,
        "created": int(purchase.created_at.timestamp()),
        "client_reference_id": str(purchase.pk),
        "metadata": {"purchase_id": str(purchase.pk)},
        "amount_total": purchase.price_minor,
        "currency": purchase.currency,
        "payment_intent": purchase.stripe_payment_intent_id,
    }
    if purchase.is_credited:
        return fields
    status = OPEN_OR_EXPIRED.get(Purchase.Status(purchase.status), "complete")
    return {**fields, "status": status, "payment_status": "unpaid"}


def _payment_of(purchase: Purchase) -> dict[str, Any]:
    return {
        "id": purchase.stripe_payment_intent_id,
        "created": int(purchase.created_at.timestamp()),
        "metadata": {"purchase_id": str(purchase.pk)},
        "amount": purchase.price_minor,
        "amount_received": purchase.price_minor if purchase.is_credited else 0,
        "currency": purchase.currency,
        "status": "succeeded" if purchase.is_credited else "requires_payment_method",
    }
