"""Purchases and refunds as files. Money in the currency's main unit with a point, times in UTC."""

from __future__ import annotations

from collections.abc import Iterator

from django.db.models import QuerySet

from billing.models import Purchase, Refund
from config.csv_lines import csv_lines, harmless, utc_text
from config.row_batches import in_row_batches
from credits.formatting import plain

NEWEST_FIRST = ["-created_at", "-id"]
PURCHASES = [
    "purchase", "created", "completed", "status", "buyer", "package", "credits", "price", "paid", "refunded",
    "currency", "credits_taken_back", "credits_owed", "stripe_payment",
]  # fmt: skip
REFUNDS = [
    "refund", "created", "settled", "status", "purchase", "amount", "currency", "reason", "note", "policy", "made_in",
    "credits_taken", "credits_owed", "failure", "stripe_refund",
]  # fmt: skip


def purchases_csv(purchases: QuerySet[Purchase]) -> Iterator[str]:
    """One line each, the newest first. Streams: what it holds at once doesn't depend on how many there are."""
    # Prefetched and not joined: PostgreSQL would at times join all purchases before it takes the first of them.
    rows = purchases.select_related(None).prefetch_related("user")
    batches = in_row_batches(rows, NEWEST_FIRST)
    return csv_lines(PURCHASES, (map(_purchase_row, batch) for batch in batches))


def refunds_csv(refunds: QuerySet[Refund]) -> Iterator[str]:
    """One line each, the newest first; streams."""
    batches = in_row_batches(refunds.select_related(None), NEWEST_FIRST)
    return csv_lines(REFUNDS, (map(_refund_row, batch) for batch in batches))


def _purchase_row(purchase: Purchase) -> list[str]:
    return [
        str(purchase.pk),
        utc_text(purchase.created_at),
        utc_text(purchase.completed_at),
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
        utc_text(refund.created_at),
        utc_text(refund.settled_at),
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
