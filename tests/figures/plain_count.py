"""The figures by day, counted once more from every row, one at a time: what the SQL must come to."""

from __future__ import annotations

import datetime
from collections import defaultdict
from decimal import ROUND_HALF_UP, Decimal
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db.models import UniqueConstraint

from billing.models import CheckoutDay, Dispute, Purchase, Refund, ReturnsDay, SalesDay
from credits.models import Entry, FirstSpend, LedgerDay, Lot

Counts = dict[tuple[Any, ...], list[Any]]
NINE_PLACES = Decimal("0.000000001")


def day_of(moment: datetime.datetime) -> datetime.date:
    return moment.astimezone(ZoneInfo(settings.TIME_ZONE)).date()


def plain_ledger_days() -> Counts:
    """By day, kind, source, currency: credits, cost, repaid, cost of the repaid."""
    counts: Counts = defaultdict(lambda: [Decimal(0)] * 4)
    lots = Lot.objects.in_bulk()
    for entry in Entry.objects.all():
        for movement in entry.movements:
            lot = lots[movement.lot_id]
            brought = (
                entry.kind in {"purchase", "promotion", "gift_received", "adjustment"} and entry.amount > 0
            )
            repaid = lot.amount - movement.amount if brought else Decimal(0)
            source = "promotional" if lot.promotional else "paid"
            currency = "" if lot.cost_minor is None else lot.currency
            numbers = (movement.amount, _cost(lot, movement.amount), repaid, _cost(lot, repaid))
            key = (day_of(entry.created_at), entry.kind, source, currency)
            counts[key] = [one + other for one, other in zip(counts[key], numbers, strict=True)]
        if entry.owed:
            counts[day_of(entry.created_at), entry.kind, "owed", ""][0] -= entry.owed
    return counts


def plain_first_spends() -> dict[UUID, datetime.datetime]:
    paid = set(Lot.objects.filter(promotional=False).values_list("id", flat=True))
    first: dict[UUID, datetime.datetime] = {}
    for entry in Entry.objects.filter(kind="spend").order_by("account_id", "version"):
        if paid & set(entry.lots):
            first.setdefault(entry.account_id, entry.created_at)
    return first


def plain_checkout_days() -> Counts:
    counts: Counts = defaultdict(lambda: [0])
    for purchase in Purchase.objects.all():
        counts[day_of(purchase.created_at), purchase.package_code, purchase.currency, purchase.status][0] += 1
    return counts


def plain_sales_days() -> Counts:
    """By day, package, currency: purchases, paid, first and second ones."""
    counts: Counts = defaultdict(lambda: [0] * 4)
    before: dict[UUID, int] = defaultdict(int)
    for purchase in Purchase.objects.filter(completed_at__isnull=False).order_by("completed_at", "id"):
        assert purchase.completed_at
        row = counts[day_of(purchase.completed_at), purchase.package_code, purchase.currency]
        row[0] += 1
        row[1] += purchase.paid_minor
        row[2] += before[purchase.account_id] == 0
        row[3] += before[purchase.account_id] == 1
        before[purchase.account_id] += 1
    return counts


def plain_returns_days() -> Counts:
    """By day, package, currency: refunds, refunded, disputes, disputed."""
    counts: Counts = defaultdict(lambda: [0] * 4)
    for refund in filter(_was_revenue, Refund.objects.filter(status__in=Refund.STANDING)):
        row = counts[_returned(refund)]
        row[0] += 1
        row[1] += refund.amount_minor
    real = Dispute.objects.exclude(status__startswith="warning").exclude(status="prevented")
    for dispute in filter(_was_revenue, real):
        row = counts[_returned(dispute)]
        row[2] += 1
        row[3] += dispute.amount_minor if dispute.status in Dispute.STANDING else 0
    return counts


def stored(model: type[LedgerDay] | type[CheckoutDay] | type[SalesDay] | type[ReturnsDay]) -> Counts:
    """What is kept of it, in the shape of the above."""
    names = [field.attname for field in model._meta.concrete_fields if field.name != "id"]
    (unique,) = model._meta.constraints
    assert isinstance(unique, UniqueConstraint)
    keys = len(unique.fields)
    return {row[:keys]: list(row[keys:]) for row in model._default_manager.values_list(*names)}


def differing() -> list[str]:
    """What is kept otherwise than it is counted here; the names of the tables."""
    pairs: dict[str, tuple[Any, Any]] = {
        "ledger": (stored(LedgerDay), plain_ledger_days()),
        "first spends": (dict(FirstSpend.objects.values_list("account_id", "at")), plain_first_spends()),
        "checkouts": (stored(CheckoutDay), plain_checkout_days()),
        "sales": (stored(SalesDay), plain_sales_days()),
        "returns": (stored(ReturnsDay), plain_returns_days()),
    }
    return [f"{name}: {kept} is not {counted}" for name, (kept, counted) in pairs.items() if kept != counted]


def _cost(lot: Lot, credits: Decimal) -> Decimal:
    if lot.cost_minor is None:
        return Decimal(0)
    cost: Decimal = credits * lot.cost_minor / lot.amount
    return cost.quantize(NINE_PLACES, ROUND_HALF_UP)


def _was_revenue(row: Refund | Dispute) -> bool:
    """Unless it is known to be of a payment that was not credited."""
    purchase = row.purchase
    return purchase is None or (
        purchase.completed_at is not None
        and purchase.stripe_payment_intent_id == row.stripe_payment_intent_id
    )


def _returned(row: Refund | Dispute) -> tuple[Any, ...]:
    return day_of(row.created_at), row.purchase.package_code if row.purchase else "", row.currency
