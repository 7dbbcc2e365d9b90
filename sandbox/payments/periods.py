"""Count billing periods from an anchor: a day that a month lacks is its last one, and returns in the next month."""

from calendar import monthrange
from dataclasses import dataclass
from datetime import UTC, datetime

from sandbox.shapes import Json

HOUR_S = 60 * 60
DAY_S = 24 * HOUR_S
_FIXED_S = {"day": DAY_S, "week": 7 * DAY_S}
_MONTHS = {"month": 1, "year": 12}


@dataclass(frozen=True)
class Period:
    """Hold the Unix times between which something is paid for."""

    start: int
    end: int

    @property
    def length_s(self) -> int:
        return self.end - self.start

    def to_json(self) -> Json:
        return {"end": self.end, "start": self.start}


def find_period(anchor: int, recurring: Json, start: int) -> Period:
    """Return the period that begins now: it ends when the cycle of the anchor next turns."""
    times = 0
    while (end := _add_intervals(anchor, recurring, times)) <= start:
        times += 1
    return Period(start, end)


def _add_intervals(anchor: int, recurring: Json, times: int) -> int:
    unit: str = recurring["interval"]
    count: int = recurring["interval_count"] * times
    if unit in _FIXED_S:
        return anchor + count * _FIXED_S[unit]
    moment = datetime.fromtimestamp(anchor, UTC)
    months = moment.month - 1 + count * _MONTHS[unit]
    year, month = moment.year + months // 12, months % 12 + 1
    day = min(moment.day, monthrange(year, month)[1])
    return int(moment.replace(year=year, month=month, day=day).timestamp())
