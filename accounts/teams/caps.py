"""Define caps and their calendar periods.

A period starts at midnight in the site's ``TIME_ZONE``: a day, a week from Monday, a month from its first. When the
clocks change, a day has 23 or 25 hours, and starts at its first moment if midnight is skipped.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.teams.errors import InvalidTeam
from accounts.teams.models import Period

LARGEST = Decimal(10) ** 18
QUANTUM = Decimal("0.000001")


@dataclass(frozen=True)
class Cap:
    """A limit on the credits to spend per period; may be zero."""

    amount: Decimal
    period: Period

    def __post_init__(self) -> None:
        """Check the values. Raises `InvalidTeam`."""
        if self.period not in Period.values:
            raise InvalidTeam(_("Choose a limit period: a day, a week or a month."), field="period")
        if not self.amount.is_finite() or self.amount < 0 or self.amount >= LARGEST:
            raise InvalidTeam(_("A limit must be zero credits or more."), field="cap")
        if self.amount.quantize(QUANTUM) != self.amount:
            raise InvalidTeam(_("A limit can have up to six decimal places."), field="cap")


def cap_of(amount: Decimal | None, period: str) -> Cap | None:
    """Return the cap of an amount and a period; None without an amount."""
    return None if amount is None else Cap(amount, Period(period))


def first_day(period: Period, moment: datetime) -> date:
    """Return the first day of the period that contains ``moment``."""
    day = timezone.localtime(moment, timezone.get_default_timezone()).date()
    if period == Period.WEEK:
        return day - timedelta(days=day.weekday())
    return day.replace(day=1) if period == Period.MONTH else day


def renewal(period: Period, moment: datetime) -> datetime:
    """Return when the period that contains ``moment`` ends and the next begins."""
    day = first_day(period, moment)
    if period == Period.MONTH:
        following = (day + timedelta(days=31)).replace(day=1)
    else:
        following = day + timedelta(days=7 if period == Period.WEEK else 1)
    return _midnight(following)


def _midnight(day: date) -> datetime:
    # In UTC: if the clocks skip midnight, this is the first moment after the gap.
    return datetime.combine(day, time.min, tzinfo=timezone.get_default_timezone()).astimezone(UTC)
