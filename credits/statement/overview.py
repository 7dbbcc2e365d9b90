"""Read the upper half of a statement: the balance day by day, the months' totals, and the lots that are left."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from zoneinfo import ZoneInfo

from credits.ledger.selectors import Standing
from credits.statement.chart import Chart, draw
from credits.statement.periods import Month, day_starts, midnight, month_of, months_between
from credits.statement.reading import Lots, Moment, Totals, first_entry_at, lots_left, moments, totals

DAYS_SHOWN = 30
MONTHS_SHOWN = 12


@dataclass(frozen=True)
class MonthTotals:
    month: Month
    totals: Totals


@dataclass(frozen=True)
class Overview:
    """``days`` is the balance at the start of the period and at the end of each of its days, the last one now or at
    the end of the month. ``shown`` are the period's totals; ``months`` those of the months up to it, latest first.
    """

    days: list[Moment]
    shown: Totals
    months: list[MonthTotals]
    chart: Chart
    lots: Lots

    @property
    def days_by_date(self) -> list[tuple[date, Decimal]]:
        """Return the balance at the end of each day, latest first."""
        return [(start.at.date(), end.balance) for start, end in pairwise(self.days)][::-1]

    @property
    def last_day(self) -> date:
        return self.days[-2].at.date()

    @property
    def highest(self) -> Moment:
        return max(self.days, key=lambda day: day.balance)

    @property
    def lowest(self) -> Moment:
        return min(self.days, key=lambda day: day.balance)


def months_of(standing: Standing, now: datetime, zone: ZoneInfo) -> list[Month]:
    """Return every month of the account's history, latest first."""
    first = first_entry_at(standing) or now
    return months_between(month_of(first, zone), month_of(now, zone))


def overview(
    standing: Standing, months: list[Month], chosen: Month | None, now: datetime, zone: ZoneInfo
) -> Overview:
    """Read the ``chosen`` month or the last 30 days, in three or four queries however long the history."""
    if chosen is None:
        first = midnight(now.astimezone(zone).date() - timedelta(days=DAYS_SHOWN - 1), zone)
        until = now
    else:
        first, until = chosen.starts(zone), min(now, chosen.ends(zone))
    listed = [month for month in months if chosen is None or month <= chosen][:MONTHS_SHOWN]
    bounds = [month.starts(zone) for month in reversed(listed)] + [min(now, listed[0].ends(zone))]
    instants = day_starts(first, until, zone)
    found = moments(standing, [*bounds, *instants])
    edges, days = found[: len(bounds)], found[len(bounds) :]
    by_month = totals(standing.account_id, edges)
    return Overview(
        days=days,
        shown=by_month[-1] if chosen else totals(standing.account_id, [days[0], days[-1]])[0],
        months=[MonthTotals(month, of) for month, of in zip(listed, reversed(by_month), strict=True)],
        chart=draw([day.balance for day in days]),
        lots=lots_left(standing.account_id),
    )
