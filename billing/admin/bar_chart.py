"""Numbers side by side as an SVG of upright bars: what the template draws it with. As `credits.statement.chart`, and to
the same
measures.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from credits.statement.chart import HEIGHT, NICE, WIDTH, ZERO, Tick, label, round_levels, written

# Where things are counted, no level is between two whole numbers.
WHOLE = (Decimal(1), Decimal(2), Decimal(5), Decimal(10))
FEWEST = Decimal(4)
GAP = Decimal("0.2")
# One failure among thousands must be seen.
LEAST_SEEN = Decimal(3)


@dataclass(frozen=True)
class Bar:
    """One part of a column. ``title`` says what the whole column is, ``tone`` is the part's class of colour."""

    title: str
    tone: str
    x: str
    y: str
    height: str


@dataclass(frozen=True)
class Part:
    """What each column's part at this place is, for the chart's key."""

    name: Any
    tone: str = ""


@dataclass(frozen=True)
class BarChart:
    """All bars are ``bar_width`` wide. ``ticks`` are evenly apart, from the top. ``key`` is empty where the columns
    have one part.
    """

    bars: list[Bar]
    bar_width: str
    ticks: list[Tick]
    key: Sequence[Part]
    first: str
    last: str
    width: int = int(WIDTH)
    height: int = int(HEIGHT)


@dataclass(frozen=True)
class Column:
    """What stands at one place. ``parts`` stand on each other, the first at the bottom; none is below zero. ``said``
    is what they come to, in words.
    """

    name: str
    parts: Sequence[Decimal]
    said: str


def draw_columns(columns: Sequence[Column], parts: Sequence[Part], *, counted: bool = False) -> BarChart:
    """The columns, from the left to the right. There is one at least. ``counted``: their numbers are whole."""
    highest = max(sum(column.parts, ZERO) for column in columns)
    least = FEWEST if counted else Decimal(1)
    levels = round_levels(ZERO, max(highest, least), WHOLE if counted else NICE)
    slot = WIDTH / len(columns)
    scale = HEIGHT / levels[-1]
    bars = [
        bar
        for place, column in enumerate(columns)
        for bar in _bars(column, parts, slot * (place + GAP / 2), scale)
    ]
    return BarChart(
        bars,
        bar_width=written(slot * (1 - GAP)),
        ticks=[Tick(label(level), written(HEIGHT - level * scale)) for level in reversed(levels)],
        key=parts if len(parts) > 1 else (),
        first=columns[0].name,
        last=columns[-1].name,
    )


def _bars(column: Column, parts: Sequence[Part], x: Decimal, scale: Decimal) -> list[Bar]:
    """A part is high enough to be seen, at the cost of those on it: the whole column keeps its height."""
    whole, last = sum(column.parts, ZERO) * scale, len(parts) - 1
    bars, foot = [], ZERO
    for number, (size, part) in enumerate(zip(column.parts, parts, strict=True)):
        top = whole if number == last else min(whole, foot + max(LEAST_SEEN, size * scale))
        if size and top > foot:
            title = f"{column.name}: {column.said}"
            bars.append(Bar(title, part.tone, written(x), written(HEIGHT - top), written(top - foot)))
            foot = top
    return bars
