"""Purchases and refunds as files. Money in the currency's main unit with a point, times in UTC."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from django.db.models import QuerySet

from billing.models import Purchase, Refund
from config.csv_lines import csv_lines, harmless, in_batches
from credits.formatting import plain

CHUNK = 2000
PURCHASES = [
    "purchase", "created", "completed", "status", "buyer", "package", "credits", "price", "paid", "refunded",
    "currency", "credits_taken_back", "credits_owed", "stripe_payment",
]  # fmt: skip
REFUNDS = [
    "refund", "created", "settled", "status", "purchase", "amount", "currency", "reason", "note", "policy", "made_in",
    "credits_taken", "credits_owed", "failure", "stripe_refund",
]  # fmt: skip


def purchases_csv(purchases: QuerySet[Purchase]) -> Iterator[str]:
    """One line each. Streams: what it holds at once doesn't depend on how many there are."""
    rows = purchases.select_related("user").iterator(chunk_size=CHUNK)
    return csv_lines(PURCHASES, in_batches(map(_purchase_row, rows)))


def refunds_csv(refunds: QuerySet[Refund]) -> Iterator[str]:
    """One line each; streams."""
    return csv_lines(REFUNDS, in_batches(map(_refund_row, refunds.iterator(chunk_size=CHUNK))))


def _purchase_row(purchase: Purchase) -> list[str]:
    return [
        str(purchase.pk),
        _time(purchase.created_at),
        _time(purchase.completed_at),
        purchase.status,
        harmless(purchase.user.email if purchase.user else ""),
        harmless(purchase.package_code),
        plain(purchase.credits),
        str(purchase.price.major),
        str(purchase.paid.major),
        str(purchase.refunded.major),
        purchase.currency,
        plain(purchase.credits_taken_back),
        plain(purchase.credits_owed),
        purchase.stripe_payment_intent_id or "",
    ]


def _refund_row(refund: Refund) -> list[str]:
    return [
        str(refund.pk),
        _time(refund.created_at),
        _time(refund.settled_at),
        refund.status,
        str(refund.purchase_id or ""),
        str(refund.amount.major),
        refund.currency,
        refund.reason,
        harmless(refund.note),
        refund.policy,
        refund.origin,
        plain(refund.credits_taken),
        plain(refund.credits_owed),
        harmless(refund.failure_reason),
        refund.stripe_refund_id or "",
    ]


def _time(moment: datetime | None) -> str:
    return moment.astimezone(UTC).isoformat() if moment else ""
