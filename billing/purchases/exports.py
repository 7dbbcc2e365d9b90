"""Export purchases as CSV: money in the currency's main unit with a decimal point, times in UTC."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from django.db.models import QuerySet

from billing.purchases.models import Purchase
from billing.purchases.payment_methods import paid_with
from core.csv_lines import csv_lines, harmless, utc_text
from core.database.row_batches import in_row_batches
from credits.formatting import plain

ZERO = Decimal(0)
NEWEST_FIRST = ["-created_at", "-id"]
PURCHASES = [
    "purchase", "created", "completed", "status", "buyer", "package", "credits", "price", "paid", "refunded",
    "currency", "credits_taken_back", "credits_owed", "stripe_payment", "paid_at", "paid_with",
    "bonus_credits", "promotion", "promotion_code", "tax", "tax_is", "tax_note", "regular_price", "sale", "multi_buy",
    "discount_code", "packages",
]  # fmt: skip


def purchases_csv(purchases: QuerySet[Purchase]) -> Iterator[str]:
    """Stream one line per purchase, newest first, in constant memory."""
    # Prefetched, as with a join PostgreSQL may join all purchases before it returns the first.
    rows = purchases.select_related(None).prefetch_related(
        "user", "payments__lot__clawbacks", "scheduled_grants__lot__clawbacks", "lines"
    )
    batches = in_row_batches(rows, NEWEST_FIRST)
    return csv_lines(PURCHASES, (map(_purchase_row, batch) for batch in batches))


def _purchase_row(purchase: Purchase) -> list[str]:
    payment = purchase.payment
    claims = [claim for lot in purchase.lots for claim in lot.clawbacks.all()]
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
        plain(sum((claim.taken for claim in claims), ZERO)),
        plain(sum((claim.owed for claim in claims), ZERO)),
        payment.stripe_payment_intent_id if payment else "",
        utc_text(payment.paid_at) if payment else "",
        harmless(paid_with(payment)) if payment else "",
        plain(purchase.bonus_credits),
        str(purchase.promotion.major),
        harmless(purchase.promotion_code),
        str(purchase.tax.major),
        purchase.tax_behavior,
        purchase.tax_note,
        str(purchase.regular_price.major),
        harmless(purchase.sale_name),
        harmless(purchase.multi_buy_name),
        harmless(purchase.discount_code),
        harmless(" ".join(f"{each.package_code}:{each.quantity}" for each in purchase.lines.all())),
    ]
