"""Read the ledger's daily figures: a row per day and kind, never the entries.

Costs are in minor units of the currency that a lot was paid in, with decimals: round what you show.
"""

from __future__ import annotations

import datetime
import operator
from collections.abc import Iterator
from dataclasses import astuple, dataclass
from decimal import Decimal

from django.db.models import DecimalField, F, Q, Sum
from django.db.models.expressions import Combinable
from django.db.models.functions import Coalesce, TruncDate

from accounts.time_zones import site_zone
from core.days import start_of
from credits.ledger.models import Clawback, Entry
from credits.reporting.models import FirstSpend, LedgerCount, LedgerDay

ZERO = Decimal(0)
DAY = datetime.timedelta(days=1)
COST_FIELD = DecimalField(max_digits=50, decimal_places=20)
# Dividing last makes what leaves a lot add up to what came in.
COST = F("credits") * F("cost_minor") / F("cost_credits")
PAID, PROMOTIONAL, OWED = LedgerDay.Source.PAID, LedgerDay.Source.PROMOTIONAL, LedgerDay.Source.OWED


@dataclass(frozen=True)
class Standing:
    """The credits at the end of a day. ``deferred`` is the cost of the paid ones, in minor units."""

    paid: Decimal = ZERO
    promotional: Decimal = ZERO
    owed: Decimal = ZERO
    deferred: Decimal = ZERO


@dataclass(frozen=True)
class Earned:
    """The use of paid credits in a period, in minor units of their cost: ``used`` for work, or to pay off earlier
    debt; ``expired``; ``written_off``, removed by staff or forfeited. ``clawed_back`` is for reversals of this period.
    """

    used: Decimal = ZERO
    expired: Decimal = ZERO
    written_off: Decimal = ZERO
    clawed_back: Decimal = ZERO

    def __add__(self, other: Earned) -> Earned:
        return Earned(*map(operator.add, astuple(self), astuple(other)))


def ledger_counted_at() -> datetime.datetime | None:
    """Return the moment that the ledger's figures are of; None before the first count."""
    return LedgerCount.objects.values_list("counted_at", flat=True).first()


def standing_at(day: datetime.date, currency: str) -> Standing:
    """Return the figures at the end of a day: credits of all currencies, the deferred revenue of one."""
    return Standing(**LedgerDay.objects.filter(day__lte=day).aggregate(**_sums(currency)))


def standing_by_day(
    first: datetime.date, last: datetime.date, currency: str
) -> Iterator[tuple[datetime.date, Standing]]:
    """Yield `standing_at` for the first day, and for each later one with activity. Two queries."""
    at = standing_at(first, currency)
    yield first, at
    days = LedgerDay.objects.filter(day__gt=first, day__lte=last).order_by("day")
    names = ["paid", "promotional", "owed", "deferred"]
    for day, *moved in days.values("day").annotate(**_sums(currency)).values_list("day", *names):
        at = Standing(*map(operator.add, (at.paid, at.promotional, at.owed, at.deferred), moved))
        yield day, at


def earned_by_day(
    first: datetime.date | None, last: datetime.date, currency: str
) -> dict[datetime.date, Earned]:
    """Return the figures of each day with any; without a first day, from the beginning. Two queries."""
    days = LedgerDay.objects.filter(day__lte=last, currency=currency, source=PAID)
    days = days.filter(day__gte=first) if first else days
    rows = (
        days.values("day")
        .annotate(
            used=_sum(COST, Q(kind__in=[Entry.Kind.SPEND, Entry.Kind.OFFSET])),
            expired=_sum(COST, Q(kind=Entry.Kind.EXPIRY)),
            written_off=_sum(COST, Q(kind__in=[Entry.Kind.ADJUSTMENT, Entry.Kind.FORFEIT])),
        )
        .order_by("day")
    )
    earned = {row["day"]: Earned(-row["used"], -row["expired"], -row["written_off"]) for row in rows}
    for day, cost in _clawed_back(first, last, currency):
        earned[day] = earned.get(day, Earned()) + Earned(clawed_back=cost)
    return earned


def _clawed_back(
    first: datetime.date | None, last: datetime.date, currency: str
) -> list[tuple[datetime.date, Decimal]]:
    """Return the cost of what was clawed back, by the day of the reversal; as many rows as there were refunds."""
    since = Q(at__gte=start_of(first)) if first else Q()
    rows = (
        Clawback.objects.filter(since, at__lt=start_of(last + DAY), lot__currency=currency)
        .exclude(lot__cost_minor=None)
        .annotate(day=TruncDate("at", tzinfo=site_zone()))
        .values("day")
        .annotate(cost=Sum(F("taken") * F("lot__cost_minor") / F("lot__amount"), output_field=COST_FIELD))
        .order_by("day")
    )
    return [(row["day"], row["cost"]) for row in rows if row["cost"]]


def first_spends(start: datetime.datetime, end: datetime.datetime) -> int:
    """Return how many accounts first spent paid credits from ``start`` to before ``end``."""
    return FirstSpend.objects.filter(at__gte=start, at__lt=end).count()


def _sums(currency: str) -> dict[str, Coalesce]:
    return {
        "paid": _sum("credits", Q(source=PAID)),
        "promotional": _sum("credits", Q(source=PROMOTIONAL)),
        "owed": _sum("credits", Q(source=OWED)),
        "deferred": _sum(COST, Q(source=PAID, currency=currency)),
    }


def _sum(what: str | Combinable, which: Q) -> Coalesce:
    field = None if isinstance(what, str) else COST_FIELD
    return Coalesce(Sum(what, filter=which, output_field=field), ZERO, output_field=field)
