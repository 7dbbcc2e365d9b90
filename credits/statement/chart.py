"""Compute a balance over time as an SVG for the template to draw.

All of it is in decimals, in the picture's own units. The picture is stretched to fit, so labels are beside it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

from credits.formatting import credits_amount

WIDTH = Decimal(600)
HEIGHT = Decimal(160)
ZERO = Decimal(0)
MOST_STEPS = 4
NICE = (Decimal(1), Decimal(2), Decimal("2.5"), Decimal(5), Decimal(10))
SHORT = ((12, "T"), (9, "B"), (6, "M"))


@dataclass(frozen=True)
class Tick:
    """A line across the picture, at ``y`` from its top."""

    label: str
    y: str


@dataclass(frozen=True)
class Chart:
    """A polyline's points (``line``), the path down to zero (``area``), and evenly spaced ``ticks`` from the top."""

    line: str
    area: str
    ticks: list[Tick]
    width: int = int(WIDTH)
    height: int = int(HEIGHT)


def draw(balances: Sequence[Decimal]) -> Chart:
    """Draw at least two balances, evenly spaced, from left to right."""
    lowest, highest = min(ZERO, *balances), max(ZERO, *balances)
    levels = round_levels(lowest, highest if highest > lowest else Decimal(1))
    low, high = levels[0], levels[-1]

    def y_of(value: Decimal) -> str:
        return written((high - value) / (high - low) * HEIGHT)

    xs = [written(WIDTH * place / (len(balances) - 1)) for place in range(len(balances))]
    points = [f"{x},{y_of(balance)}" for x, balance in zip(xs, balances, strict=True)]
    zero = y_of(ZERO)
    return Chart(
        line=" ".join(points),
        area=f"M0,{zero} L{' L'.join(points)} L{xs[-1]},{zero} Z",
        ticks=[Tick(label(level), y_of(level)) for level in reversed(levels)],
    )


def round_levels(low: Decimal, high: Decimal, nice: Sequence[Decimal] = NICE) -> list[Decimal]:
    """Return evenly spaced round numbers from below low to above high; steps are ``nice`` times a power of ten."""
    span = high - low
    size = Decimal(1).scaleb((span / MOST_STEPS).adjusted())
    step = next(size * each for each in nice if size * each * MOST_STEPS >= span)
    first = (low / step).to_integral_value(ROUND_FLOOR)
    last = (high / step).to_integral_value(ROUND_CEILING)
    return [step * number for number in range(int(first), int(last) + 1)]


def label(level: Decimal) -> str:
    """Return a level as written beside the picture."""
    for digits, letter in SHORT:
        if abs(level) >= Decimal(10) ** digits:
            return f"{credits_amount(level.scaleb(-digits))} {letter}".replace("-", "−")
    return credits_amount(level).replace("-", "−")


def written(number: Decimal) -> str:
    """Format a coordinate."""
    return f"{number:.2f}"
