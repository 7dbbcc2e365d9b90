"""Events per hour as an SVG of bars: what the template draws it with. As `credits.chart`, and to the same measures."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from billing.inbox_selectors import Hour
from credits.chart import HEIGHT, WIDTH, ZERO, Tick, label, round_levels, written

# Events are counted: no level between two whole numbers.
WHOLE = (Decimal(1), Decimal(2), Decimal(5), Decimal(10))
FEWEST = Decimal(4)
GAP = Decimal("0.2")
# A single failure among thousands must be seen.
LEAST_SEEN = Decimal(3)


@dataclass(frozen=True)
class Bar:
    """The part of an hour's events that is not applied, or the rest, which stands on it."""

    hour: Hour
    x: str
    y: str
    height: str
    is_failing: bool = False


@dataclass(frozen=True)
class BarChart:
    """All bars are ``bar_width`` wide. ``ticks`` are evenly apart, from the top."""

    bars: list[Bar]
    bar_width: str
    ticks: list[Tick]
    start: datetime.datetime
    end: datetime.datetime
    width: int = int(WIDTH)
    height: int = int(HEIGHT)


def draw_hours(hours: Sequence[Hour]) -> BarChart:
    """The hours, from the left to the right. There is one at least."""
    levels = round_levels(ZERO, max(FEWEST, *(Decimal(hour.total) for hour in hours)), WHOLE)
    slot = WIDTH / len(hours)
    scale = HEIGHT / levels[-1]
    return BarChart(
        bars=[
            bar for place, hour in enumerate(hours) for bar in _bars(hour, slot * (place + GAP / 2), scale)
        ],
        bar_width=written(slot * (1 - GAP)),
        ticks=[Tick(label(level), written(HEIGHT - level * scale)) for level in reversed(levels)],
        start=hours[0].start,
        end=hours[-1].start,
    )


def _bars(hour: Hour, x: Decimal, scale: Decimal) -> list[Bar]:
    whole = hour.total * scale
    failing = min(whole, max(LEAST_SEEN, hour.not_applied * scale)) if hour.not_applied else ZERO
    parts = [(whole - failing, whole, False), (failing, failing, True)]
    return [
        Bar(hour, written(x), written(HEIGHT - top), written(height), is_failing)
        for height, top, is_failing in parts
        if height
    ]
