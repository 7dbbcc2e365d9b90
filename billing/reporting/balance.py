"""Prove that the figures add up to what was paid: no revenue appears or is lost between the days."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from decimal import Decimal

from django.utils import timezone

from billing.reporting.models import SalesDay
from billing.reporting.selectors import revenue_by_day, sales_in, total_revenue
from billing.reporting.to_come import paid_to_come
from core.days import day_of
from credits.reporting.models import LedgerDay
from credits.reporting.selectors import standing_at

# Rounding errors of quotients, over all days, stay far below this part of a minor unit.
TOLERANCE = Decimal("0.0001")
DAY = datetime.timedelta(days=1)


def unbalanced_currencies() -> Iterator[str]:
    """Yield a line per currency whose paid amount isn't all deferred, recognised, written off, refunded or disputed."""
    last = day_of(timezone.now()) + 2 * DAY  # Stripe's clock may be ahead of ours
    for currency in _currencies():
        sales = sales_in(None, last, currency)
        revenue = total_revenue(revenue_by_day(None, last, currency))
        deferred = standing_at(last, currency).deferred + paid_to_come(last, currency)
        parts = deferred + revenue.recognised + revenue.written_off + sales.reversed_minor
        if abs(parts - sales.earned_minor) > TOLERANCE:
            yield (
                f"sum {currency}: paid {sales.earned_minor}, but deferred {deferred:f}, "
                f"recognised {revenue.recognised:f}, written off {revenue.written_off:f} "
                f"and returned {sales.reversed_minor:f} come to {parts:f} (minor units, without tax)"
            )


def _currencies() -> list[str]:
    costly = LedgerDay.objects.exclude(currency="").values_list("currency", flat=True)
    return sorted({*SalesDay.objects.values_list("currency", flat=True), *costly})
