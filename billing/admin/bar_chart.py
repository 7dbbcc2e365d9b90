"""Draw an SVG column chart, to the same measures as `credits.statement.chart`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from credits.statement.chart import HEIGHT, NICE, WIDTH, ZERO, Tick, label, round_levels, written

# Charts of counts have ticks at whole numbers only.
WHOLE = (Decimal(1), Decimal(2), Decimal(5), Decimal(10))
FEWEST = Decimal(4)
GAP = Decimal("0.2")
# One failure among thousands must be visible.
LEAST_SEEN = Decimal(3)


@dataclass(frozen=True)
class Bar:
    """One part of a column; ``title`` describes the whole column, ``tone`` is the part's colour class."""

    title: str
    tone: str
    x: str
    y: str
    height: str


@dataclass(frozen=True)
class Part:
    """An item of the chart's key."""

    name: Any
    tone: str = ""


@dataclass(frozen=True)
class BarChart:
    """Bars of equal width; ``ticks`` are evenly spaced, from the top; ``key`` is empty if columns have one part."""

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
    """One column; its ``parts`` are stacked from the bottom, none negative, and ``said`` is their sum in words."""

    name: str
    parts: Sequence[Decimal]
    said: str


def draw_columns(columns: Sequence[Column], parts: Sequence[Part], *, counted: bool = False) -> BarChart:
    """Draw the columns, of which there must be at least one, from left to right; ``counted`` means whole numbers."""
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
    """Draw a column's parts, each high enough to be seen at the cost of those above it."""
    whole, last = sum(column.parts, ZERO) * scale, len(parts) - 1
    bars, foot = [], ZERO
    for number, (size, part) in enumerate(zip(column.parts, parts, strict=True)):
        top = whole if number == last else min(whole, foot + max(LEAST_SEEN, size * scale))
        if size and top > foot:
            title = f"{column.name}: {column.said}"
            bars.append(Bar(title, part.tone, written(x), written(HEIGHT - top), written(top - foot)))
            foot = top
    return bars
