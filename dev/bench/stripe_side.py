"""Stripe's side of purchases that were made up here: for each of them a session at the local Stripe, and a payment."""

from __future__ import annotations

from itertools import islice
from typing import Any

import requests

from billing.purchases.models import Purchase

KEY = "sk_test_sandboxsandboxsandboxsandbox"
CALL = 1000


def give_stripe_its_side(sandbox_url: str, *, lose_every: int = 0) -> int:
    """Copies one paid session for each purchase, the oldest first. Gives how many there are then.

    ``lose_every``: one session of so many is left out, so that there is something to find.
    """
    session, intent = _paid_session(sandbox_url)
    made = 0
    purchases = Purchase.objects.order_by("created_at", "id").iterator(chunk_size=CALL)
    numbered = ((number, purchase) for number, purchase in enumerate(purchases, start=1))
    kept = (purchase for number, purchase in numbered if not lose_every or number % lose_every)
    while some := list(islice(kept, CALL)):
        paid = [purchase for purchase in some if purchase.stripe_payment_intent_id]
        _copy(sandbox_url, intent, [_payment_of(purchase) for purchase in paid])
        _copy(sandbox_url, session, [_session_of(purchase) for purchase in some])
        made += len(some)
    return made


def _paid_session(sandbox_url: str) -> tuple[dict[str, Any], dict[str, Any]]:
    order = {
        "mode": "payment",
        "line_items[0][quantity]": "1",
        "line_items[0][price_data][currency]": "usd",
        "line_items[0][price_data][unit_amount]": "1000",
        "line_items[0][price_data][product_data][name]": "Pack",
        "success_url": "http://localhost/done",
    }
    made = requests.post(f"{sandbox_url}/v1/checkout/sessions", data=order, auth=(KEY, ""), timeout=30)
    made.raise_for_status()
    path = f"{sandbox_url}/_sandbox/checkout/sessions/{made.json()['id']}/pay"
    paid = requests.post(path, json={"card": "4242424242424242"}, timeout=30)
    paid.raise_for_status()
    return paid.json()["session"], paid.json()["payment_intent"]


def _copy(sandbox_url: str, of: dict[str, Any], copies: list[dict[str, Any]]) -> None:
    path = f"{sandbox_url}/_sandbox/objects/{of['object']}/{of['id']}/copies"
    requests.post(path, json={"copies": copies}, timeout=300).raise_for_status()


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
    status = {Purchase.Status.EXPIRED: "expired", Purchase.Status.PENDING: "open"}
    return {
        **fields,
        "status": status.get(Purchase.Status(purchase.status), "complete"),
        "payment_status": "unpaid",
    }


def _payment_of(purchase: Purchase) -> dict[str, Any]:
    return {
        "id": purchase.stripe_payment_intent_id,
        "created": int(purchase.created_at.timestamp()),
        "amount": purchase.price_minor,
        "currency": purchase.currency,
        "status": "succeeded" if purchase.is_credited else "requires_payment_method",
    }
