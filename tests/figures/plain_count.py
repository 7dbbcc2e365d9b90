"""The figures by day, counted once more from every row, one at a time: what the SQL must come to."""

from __future__ import annotations

import datetime
from collections import defaultdict
from decimal import Decimal
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db.models import UniqueConstraint

from billing.purchases.models import Payment, Purchase
from billing.refunds.models import Dispute, Refund
from billing.reporting.models import CheckoutDay, ReturnsDay, SalesDay
from credits.ledger.models import Entry, Lot
from credits.reporting.models import FirstSpend, LedgerDay

Counts = dict[tuple[Any, ...], list[Any]]


def day_of(moment: datetime.datetime) -> datetime.date:
    return moment.astimezone(ZoneInfo(settings.TIME_ZONE)).date()


def plain_ledger_days() -> Counts:
    """By day, kind, source, currency, and the price (so many minor units for so many credits): credits."""
    counts: Counts = defaultdict(lambda: [Decimal(0)])
    lots = Lot.objects.in_bulk()
    for entry in Entry.objects.all():
        day = day_of(entry.created_at)
        for movement in entry.movements:
            lot = lots[movement.lot_id]
            source = "promotional" if lot.promotional else "paid"
            price = ("", Decimal(0), Decimal(1))
            if lot.cost_minor is not None:
                price = (lot.currency, Decimal(lot.cost_minor), lot.cost_credits or lot.amount)
            counts[day, entry.kind, source, *price][0] += movement.amount
        if entry.owed:
            counts[day, entry.kind, "owed", "", Decimal(0), Decimal(1)][0] -= entry.owed
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
    """By the day of the payment, package, currency: purchases, paid, its tax, first and second ones."""
    counts: Counts = defaultdict(lambda: [0] * 5)
    before: dict[UUID, int] = defaultdict(int)
    for payment in Payment.objects.filter(lot__isnull=False).order_by("paid_at", "id"):
        assert payment.paid_at
        purchase = payment.purchase
        row = counts[day_of(payment.paid_at), purchase.package_code, payment.currency]
        row[0] += 1
        row[1] += payment.amount_minor
        row[2] += payment.tax_minor
        row[3] += before[purchase.account_id] == 0 and not hasattr(purchase, "gift")
        row[4] += before[purchase.account_id] == 1
        before[purchase.account_id] += 1
    return counts


def plain_returns_days() -> Counts:
    """By Stripe’s day, package, currency: refunds, refunded, disputes, disputed, tax. Of accepted payments alone."""
    counts: Counts = defaultdict(lambda: [0] * 5)
    for refund in Refund.objects.filter(status__in=Refund.STANDING, payment__lot__isnull=False):
        row = counts[_returned(refund)]
        row[0] += 1
        row[1] += refund.counted_minor or 0
        row[4] += _tax_in(refund, refund.counted_minor or 0)
    real = Dispute.objects.exclude(status__startswith="warning").exclude(status="prevented")
    for dispute in real.filter(payment__lot__isnull=False):
        row = counts[_returned(dispute)]
        row[2] += 1
        counted = (dispute.counted_minor or 0) if dispute.status in Dispute.STANDING else 0
        row[3] += counted
        row[4] += _tax_in(dispute, counted)
    return counts


def _tax_in(each: Refund | Dispute, counted: int) -> Decimal:
    return Decimal(counted) * each.payment.tax_minor / each.payment.amount_minor


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


def _returned(row: Refund | Dispute) -> tuple[Any, ...]:
    return day_of(row.at), row.purchase.package_code, row.payment.currency
