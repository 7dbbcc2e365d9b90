"""Reads of the ledger's figures by day: each over as many rows as there are days and kinds, never over entries.

Costs are in minor units of the currency that a lot was paid in, with places after the point: round what you show.
"""

from __future__ import annotations

import datetime
import operator
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal

from django.db.models import Q, QuerySet, Sum
from django.db.models.functions import Coalesce

from credits.models import Entry, FirstSpend, LedgerCount, LedgerDay

ZERO = Decimal(0)
PAID, PROMOTIONAL, OWED = LedgerDay.Source.PAID, LedgerDay.Source.PROMOTIONAL, LedgerDay.Source.OWED


@dataclass(frozen=True)
class Standing:
    """What there is at the end of a day. ``deferred`` is the cost of the paid credits, in minor units."""

    paid: Decimal = ZERO
    promotional: Decimal = ZERO
    owed: Decimal = ZERO
    deferred: Decimal = ZERO


@dataclass(frozen=True)
class Earned:
    """What paid credits were used for in a time, in minor units of their cost: ``spent`` on work (or to pay off what
    had been spent on credit), and ``expired``.
    """

    spent: Decimal = ZERO
    expired: Decimal = ZERO

    @property
    def recognised(self) -> Decimal:
        return self.spent + self.expired


def ledger_counted_at() -> datetime.datetime | None:
    """The moment that the ledger's figures are of; None before the first count."""
    count = LedgerCount.objects.first()
    return count.counted_at if count else None


def standing_at(day: datetime.date, currency: str) -> Standing:
    """At the end of a day: credits of all currencies, the deferred revenue of one."""
    return _standing(LedgerDay.objects.filter(day__lte=day), currency)


def standing_by_day(
    first: datetime.date, last: datetime.date, currency: str
) -> Iterator[tuple[datetime.date, Standing]]:
    """`standing_at` for the first day, and for each later one that something happened on. Two queries."""
    at = standing_at(first, currency)
    yield first, at
    days = LedgerDay.objects.filter(day__gt=first, day__lte=last).order_by("day")
    names = ["paid", "promotional", "owed", "deferred"]
    for day, *moved in days.values("day").annotate(**_sums(currency)).values_list("day", *names):
        at = Standing(*map(operator.add, (at.paid, at.promotional, at.owed, at.deferred), moved))
        yield day, at


def earned_by_day(
    first: datetime.date, last: datetime.date, currency: str
) -> list[tuple[datetime.date, Earned]]:
    """For each day that something was earned on. One query."""
    rows = (
        LedgerDay.objects.filter(day__gte=first, day__lte=last, currency=currency, source=PAID)
        .values("day")
        .annotate(
            spent=_sum("cost", Q(kind=Entry.Kind.SPEND)),
            repaid=_sum("repaid_cost", Q()),
            expired=_sum("cost", Q(kind=Entry.Kind.EXPIRY)),
        )
        .order_by("day")
    )
    return [(row["day"], Earned(row["repaid"] - row["spent"], -row["expired"])) for row in rows]


def total_earned(days: Iterable[tuple[datetime.date, Earned]]) -> Earned:
    spent = expired = ZERO
    for _day, earned in days:
        spent, expired = spent + earned.spent, expired + earned.expired
    return Earned(spent, expired)


def first_spends(start: datetime.datetime, end: datetime.datetime) -> int:
    """How many accounts spent bought credits for the first time, from ``start`` to before ``end``."""
    return FirstSpend.objects.filter(at__gte=start, at__lt=end).count()


def _standing(days: QuerySet[LedgerDay], currency: str) -> Standing:
    return Standing(**days.aggregate(**_sums(currency)))


def _sums(currency: str) -> dict[str, Coalesce]:
    return {
        "paid": _sum("credits", Q(source=PAID)),
        "promotional": _sum("credits", Q(source=PROMOTIONAL)),
        "owed": _sum("credits", Q(source=OWED)),
        "deferred": _sum("cost", Q(source=PAID, currency=currency)),
    }


def _sum(column: str, which: Q) -> Coalesce:
    return Coalesce(Sum(column, filter=which), ZERO)
