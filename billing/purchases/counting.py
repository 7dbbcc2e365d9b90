"""Count how checkouts end, which purchases are credited, and how long buyers wait for their credits."""

from __future__ import annotations

import datetime

from django.db import transaction
from prometheus_client import Counter, Histogram

from billing.purchases.models import Purchase, PurchaseEvent

STARTED = Counter("credits_checkouts_started_total", "Checkouts that buyers began; free packages have none.")
ENDED = Counter(
    "credits_checkouts_ended_total", "Checkouts that ended: paid, abandoned or failed.", ["outcome"]
)
CREDITED = Counter(
    "credits_purchases_credited_total",
    "Purchases that were credited, by what reported the payment.",
    ["source"],
)
WAIT = Histogram(
    "credits_payment_to_credits_seconds",
    "From the payment at Stripe to the credits in the account.",
    buckets=(1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 14400, 86400),
)
PAID, ABANDONED, FAILED = "paid", "abandoned", "failed"
OUTCOMES = {
    Purchase.Status.COMPLETED: PAID,
    Purchase.Status.EXPIRED: ABANDONED,
    Purchase.Status.FAILED: FAILED,
}
NOT_PAID = {Purchase.Status.PENDING, Purchase.Status.PROCESSING, *OUTCOMES} - {Purchase.Status.COMPLETED}

# Shown at 0, so that a first one is a rise.
for _outcome in OUTCOMES.values():
    ENDED.labels(_outcome)
for _source in PurchaseEvent.Source.values:
    CREDITED.labels(_source)


def count_change(purchase: Purchase, what: str, before: str, source: str) -> None:
    """Count a recorded change of a purchase, once it commits."""
    credited = what == "credited"
    is_checkout = not (purchase.charges_card or purchase.stripe_invoice_id) and purchase.price_minor > 0
    outcome = None
    if purchase.status != before and before in NOT_PAID:
        outcome = OUTCOMES.get(Purchase.Status(purchase.status))
    started = what == "started"
    if credited or (is_checkout and (started or outcome)):
        transaction.on_commit(
            lambda: _count(credited, is_checkout and started, outcome if is_checkout else None, source)
        )


def count_wait(paid_at: datetime.datetime | None, credited_at: datetime.datetime) -> None:
    """Count how long a payment waited for its credits, once they commit. Nothing was paid for a free one."""
    if paid_at is not None:
        seconds = max(0.0, (credited_at - paid_at).total_seconds())
        transaction.on_commit(lambda: WAIT.observe(seconds))


def _count(credited: bool, started: bool, outcome: str | None, source: str) -> None:
    if started:
        STARTED.inc()
    if outcome:
        ENDED.labels(outcome).inc()
    if credited:
        CREDITED.labels(source).inc()
