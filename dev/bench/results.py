"""What was measured: operations per second of each contender under each load, round by round."""

from __future__ import annotations

import statistics
from collections import defaultdict
from dataclasses import dataclass, field

from dev.bench.load import Load


@dataclass(frozen=True)
class Figure:
    """The median of several rounds. ``spread`` is what lay between the slowest and the fastest, as a share of it."""

    median: float
    spread: float
    rounds: int


def figure_of(rates: list[float]) -> Figure:
    median = statistics.median(rates)
    return Figure(median, (max(rates) - min(rates)) / median if median else 0.0, len(rates))


@dataclass
class Results:
    """Rates by contender and load, and what went wrong with whom.

    ``generator_shares``: the part of all processors that the HTTP load generator took, for each measurement.
    """

    rates: dict[tuple[str, Load], list[float]] = field(default_factory=lambda: defaultdict(list))
    absent: dict[str, str] = field(default_factory=dict)
    generator_shares: list[float] = field(default_factory=list)

    def add(self, contender: str, load: Load, per_second: float) -> None:
        self.rates[contender, load].append(per_second)

    def figure(self, contender: str, load: Load) -> Figure | None:
        rates = self.rates.get((contender, load))
        return figure_of(rates) if rates else None

    def ratio(self, contender: str, yardstick: str, load: Load) -> float | None:
        """How many times as fast as ``yardstick``: the median of the rounds' own ratios.

        Of the rounds' and not of the medians': a machine that others use is fast in one round and slow in the next, and
        within a round everybody had the same. None where one of the two was not measured.
        """
        own, other = self.rates.get((contender, load)), self.rates.get((yardstick, load))
        if not own or not other:
            return None
        return statistics.median(mine / theirs for mine, theirs in zip(own, other, strict=False))

    def took_part(self, contender: str) -> bool:
        """Whether the run asked for it, even if it could not be measured."""
        return contender in self.absent or any(name == contender for name, _ in self.rates)

    def loads(self) -> list[Load]:
        """Many accounts before one, few clients before many."""
        return sorted({load for _, load in self.rates}, key=lambda load: (-load.accounts, load.clients))
