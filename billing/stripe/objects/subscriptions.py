"""Read subscriptions, their invoices, and which subscription an event is about."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from billing.provider.objects import (
    InvoiceLine,
    Json,
    ListedInvoice,
    ProviderInvoice,
    ProviderSubscription,
    SubscriptionRef,
)
from billing.stripe.objects.reading import currency, id_of, instant, minor, reading, reference, text, words

# The metadata key of our own row's id.
OURS = "subscription_id"


def read_subscription(data: Json) -> ProviderSubscription:
    """Read a subscription. Its period is that of its first item, as are its price and interval."""
    with reading("subscription"):
        item = data["items"]["data"][0]
        ended = data.get("ended_at")
        return ProviderSubscription(
            id=text(data["id"]),
            status=words(data["status"], 20),
            reference=reference((data["metadata"] or {}).get(OURS)),
            item_id=text(item["id"]),
            price_id=text(item["price"]["id"]),
            period_start=instant(item["current_period_start"]),
            period_end=instant(item["current_period_end"]),
            is_ending=bool(data["cancel_at_period_end"]) or data.get("cancel_at") is not None,
            ended_at=instant(ended) if ended else None,
            created=instant(data["created"]),
        )


def read_subscription_ref(subject: Json) -> SubscriptionRef:
    """Read which subscription a subscription or an invoice is about; empty for other invoices."""
    with reading("subscription or invoice"):
        if subject.get("object") == "subscription":
            return SubscriptionRef(text(subject["id"]), reference((subject["metadata"] or {}).get(OURS)))
        details = (subject.get("parent") or {}).get("subscription_details") or {}
        return SubscriptionRef(
            id_of(details.get("subscription")) or "", reference((details.get("metadata") or {}).get(OURS))
        )


def read_subscription_invoice(data: Json, lines: list[Any]) -> ProviderInvoice:
    """Read an invoice with its payments and all its lines."""
    with reading("invoice"):
        taxes = data.get("total_taxes") or ()
        return ProviderInvoice(
            id=text(data["id"]),
            status=words(data["status"], 20),
            amount_due=minor(data["amount_due"]),
            amount_paid=minor(data["amount_paid"]),
            currency=currency(data["currency"]),
            hosted_url=words(data.get("hosted_invoice_url"), 2000),
            attempts=minor(data.get("attempt_count") or 0),
            payment_intent_id=_payment_of(_payments(data)),
            lines=tuple(_line(line) for line in lines),
            livemode=bool(data.get("livemode")),
            created=instant(data["created"]),
            total=minor(data["total"]),
            tax=sum(minor(each["amount"]) for each in taxes),
            tax_behavior=next((words(each["tax_behavior"], 10) for each in taxes), ""),
            tax_reason=next((words(each["taxability_reason"], 50) for each in taxes), ""),
        )


def read_listed_invoice(data: Json) -> ListedInvoice:
    """Read an invoice with its payments, whatever it is for."""
    with reading("invoice"):
        by_stripe = [each for each in _payments(data) if each["payment"].get("payment_intent")]
        return ListedInvoice(
            id=text(data["id"]),
            status=words(data["status"], 20),
            paid=sum(minor(each["amount_paid"]) for each in by_stripe),
            currency=currency(data["currency"]),
            subscription=read_subscription_ref(data),
            created=instant(data["created"]),
        )


def _line(data: Json) -> InvoiceLine:
    parent = data.get("parent") or {}
    details = parent.get("subscription_item_details") or parent.get("invoice_item_details") or {}
    credited = (details.get("proration_details") or {}).get("credited_items") or {}
    price = ((data.get("pricing") or {}).get("price_details") or {}).get("price")
    return InvoiceLine(
        id=text(data["id"]),
        amount=minor(data["amount"]),
        price_id=id_of(price) or "",
        is_proration=bool(details.get("proration")),
        period_start=instant(data["period"]["start"]),
        period_end=instant(data["period"]["end"]),
        credited_lines=tuple(text(line) for line in credited.get("invoice_line_items") or ()),
    )


def _payments(data: Json) -> list[Any]:
    """Return those payments of an invoice that were made."""
    listed = (data.get("payments") or {}).get("data") or []
    return [
        each for each in listed if each.get("status") == "paid" and isinstance(each.get("payment"), Mapping)
    ]


def _payment_of(payments: list[Any]) -> str:
    return next((id_of(each["payment"].get("payment_intent")) or "" for each in payments), "")
