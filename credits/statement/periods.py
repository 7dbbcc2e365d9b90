"""Convert calendar months and days to instants, in the reader's time zone.

Midnight is by the wall clock: when the clocks change, a day has 23 or 25 hours and a month an hour more or less.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

MONTH = re.compile(r"([0-9]{4})-([0-9]{2})")


@dataclass(frozen=True, order=True)
class Month:
    """A calendar month."""

    year: int
    number: int

    def __str__(self) -> str:
        return f"{self.year:04}-{self.number:02}"

    @property
    def first_day(self) -> date:
        return date(self.year, self.number, 1)

    def plus(self, months: int) -> Month:
        year, month = divmod(self.year * 12 + self.number - 1 + months, 12)
        return Month(year, month + 1)

    def starts(self, zone: ZoneInfo) -> datetime:
        return midnight(self.first_day, zone)

    def ends(self, zone: ZoneInfo) -> datetime:
        return self.plus(1).starts(zone)


def month_of(moment: datetime, zone: ZoneInfo) -> Month:
    local = moment.astimezone(zone)
    return Month(local.year, local.month)


def parse_month(text: str) -> Month | None:
    """Parse a month written as ``2026-11``; None if it isn't one."""
    found = MONTH.fullmatch(text)
    if not found:
        return None
    year, number = int(found[1]), int(found[2])
    return Month(year, number) if 1970 <= year < 9999 and 1 <= number <= 12 else None


def months_between(first: Month, last: Month) -> list[Month]:
    """Return the months from first to last, both included, latest first."""
    count = (last.year - first.year) * 12 + last.number - first.number + 1
    return [last.plus(-back) for back in range(max(0, count))]


def midnight(day: date, zone: ZoneInfo) -> datetime:
    """Return when the day begins. If the clocks skip midnight, that is when they continue."""
    return datetime.combine(day, time(), tzinfo=zone)


def days_until(moment: datetime, now: datetime, zone: ZoneInfo) -> int:
    """Return how many midnights lie between: 0 is today, 1 tomorrow, negative is days ago."""
    return (moment.astimezone(zone).date() - now.astimezone(zone).date()).days


def day_starts(first: datetime, until: datetime, zone: ZoneInfo) -> list[datetime]:
    """Return ``first``, each midnight after it, and ``until``."""
    days = [first]
    day = first.astimezone(zone).date() + timedelta(days=1)
    while (start := midnight(day, zone)) < until:
        days.append(start)
        day += timedelta(days=1)
    return [*days, until]
