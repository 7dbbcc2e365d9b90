"""Export refunds as CSV: money in the currency's main unit with a decimal point, times in UTC."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from django.db.models import QuerySet

from billing.money import Money
from billing.purchases.exports import NEWEST_FIRST
from billing.refunds.claims import Claimed, claimed_by
from billing.refunds.models import Refund
from billing.refunds.returned_tax import taxes_of
from core.csv_lines import csv_lines, harmless, utc_text
from core.database.row_batches import in_row_batches
from credits.formatting import plain

REFUNDS = [
    "refund", "created", "settled", "status", "purchase", "amount", "currency", "reason", "note", "policy", "made_in",
    "credits_taken", "credits_owed", "failure", "stripe_refund", "tax",
]  # fmt: skip


def refunds_csv(refunds: QuerySet[Refund]) -> Iterator[str]:
    """Stream one line per refund, newest first."""
    batches = in_row_batches(refunds.select_related(None).prefetch_related("payment__purchase"), NEWEST_FIRST)
    return csv_lines(REFUNDS, (_refund_rows(batch) for batch in batches))


def _refund_rows(refunds: Sequence[Refund]) -> Iterator[list[str]]:
    claims, taxes = claimed_by(refunds), taxes_of(refunds)
    return (_refund_row(refund, claims[refund.pk], taxes[refund.pk]) for refund in refunds)


def _refund_row(refund: Refund, claim: Claimed, tax: Money) -> list[str]:
    return [
        str(refund.pk),
        utc_text(refund.created_at),
        utc_text(refund.settled_at),
        refund.status,
        str(refund.payment.purchase_id),
        str(refund.amount.major),
        refund.currency,
        refund.reason,
        harmless(refund.note),
        refund.policy,
        refund.origin,
        plain(claim.taken),
        plain(claim.owed),
        harmless(refund.failure_reason),
        refund.stripe_refund_id or "",
        str(tax.major),
    ]
