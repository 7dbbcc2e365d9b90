"""Choose the days that the figures cover, and the steps of their charts."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from billing.reporting.daily_figures import DAY
from core.days import start_of

USUAL: dict[str, tuple[Any, int]] = {
    "7": (gettext_lazy("7 days"), 7),
    "30": (gettext_lazy("30 days"), 30),
    "90": (gettext_lazy("90 days"), 90),
    "365": (gettext_lazy("12 months"), 365),
}
DEFAULT = "30"
# Longer periods have a bar per week, and beyond MOST_WEEKS a bar per month.
MOST_DAYS = 92
MOST_WEEKS = 60


@dataclass(frozen=True)
class Period:
    """Whole days from ``first`` to ``last``, inclusive. ``code`` is a key of `USUAL`, or empty for a custom period;
    ``mistake`` says why the period asked for isn't shown.
    """

    first: datetime.date
    last: datetime.date
    code: str = ""
    mistake: str = ""

    @property
    def days(self) -> int:
        return (self.last - self.first).days + 1

    @property
    def before(self) -> Period:
        """The period of equal length just before this one."""
        return Period(self.first - self.days * DAY, self.first - DAY)

    @property
    def start(self) -> datetime.datetime:
        return start_of(self.first)

    @property
    def end(self) -> datetime.datetime:
        """The first moment after the period."""
        return start_of(self.last + DAY)

    @property
    def query(self) -> dict[str, str]:
        """The query parameters that select this period."""
        if self.code:
            return {"period": self.code}
        return {"from": self.first.isoformat(), "to": self.last.isoformat()}

    def step_of(self, day: datetime.date) -> datetime.date:
        """Return the first day of the chart step that holds a day: the day, its Monday or the first of its month."""
        if self.days <= MOST_DAYS:
            return day
        if self.days <= 7 * MOST_WEEKS:
            return day - day.weekday() * DAY
        return day.replace(day=1)

    @property
    def steps(self) -> list[datetime.date]:
        """The chart's steps, from left to right."""
        return sorted({self.step_of(self.first + number * DAY) for number in range(self.days)})

    @property
    def step_name(self) -> str:
        if self.days <= MOST_DAYS:
            return _("Day")
        return _("Week of") if self.days <= 7 * MOST_WEEKS else _("Month of")

    def __str__(self) -> str:
        return f"{date_format(self.first)} – {date_format(self.last)}"  # an en dash


def asked_period(asked: Mapping[str, str], today: datetime.date) -> Period:
    """Return the period asked for by ``period`` or by ``from`` and ``to``, without future days, or else the default
    period with the ``mistake``.
    """
    if asked.get("from") or asked.get("to"):
        return _chosen(asked, today)
    code = asked.get("period", DEFAULT)
    return _usual(code if code in USUAL else DEFAULT, today)


def _chosen(asked: Mapping[str, str], today: datetime.date) -> Period:
    try:
        last = datetime.date.fromisoformat(asked["to"]) if asked.get("to") else today
        first = datetime.date.fromisoformat(asked["from"]) if asked.get("from") else last - 29 * DAY
    except (ValueError, OverflowError):
        return _usual(DEFAULT, today, _("Enter both dates as year-month-day, such as 2026-01-31."))
    if first > last or first > today:
        return _usual(DEFAULT, today, _("Start date must precede the end date and not be in the future."))
    if first.year < 2000:
        return _usual(DEFAULT, today, _("Start date must be in 2000 or later."))
    return Period(first, min(last, today))


def _usual(code: str, today: datetime.date, mistake: str = "") -> Period:
    _name, days = USUAL[code]
    return Period(today - (days - 1) * DAY, today, code, mistake)
