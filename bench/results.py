"""Collect what was measured of each contender under each load, round by round."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from bench.hosts import Measurement
from bench.load import Load


@dataclass(frozen=True)
class Figure:
    """The median of several rounds. ``spread`` is the range from slowest to fastest, as a share of it."""

    median: float
    spread: float


def figure_of(rates: list[float]) -> Figure:
    median = statistics.median(rates)
    return Figure(median, (max(rates) - min(rates)) / median if median else 0.0)


@dataclass
class Results:
    """Measurements by contender and load, and why some contenders have none."""

    measured: dict[tuple[str, Load], list[Measurement]] = field(default_factory=lambda: defaultdict(list))
    absent: dict[str, str] = field(default_factory=dict)

    def add(self, contender: str, load: Load, measurement: Measurement) -> None:
        self.measured[contender, load].append(measurement)

    def figure(self, contender: str, load: Load) -> Figure | None:
        rates = self._rates(contender, load)
        return figure_of(rates) if rates else None

    def ratio(self, contender: str, yardstick: str, load: Load) -> float | None:
        """Return how many times as fast as ``yardstick``: the median of the rounds' own ratios.

        Not the ratio of the medians: a shared machine is fast in one round and slow in the next, but equal for all
        within a round. None if one of the two was not measured.
        """
        both = zip(self._rates(contender, load), self._rates(yardstick, load), strict=False)
        ratios = [own / other for own, other in both]
        return statistics.median(ratios) if ratios else None

    def of(self, contenders: Iterable[str]) -> list[Measurement]:
        """Return all measurements of these."""
        names = set(contenders)
        return [each for (name, _), some in self.measured.items() if name in names for each in some]

    def took_part(self, contender: str) -> bool:
        """Return whether the run asked for it, even if it could not be measured."""
        return contender in self.absent or bool(self.of([contender]))

    def loads(self) -> list[Load]:
        """Return many accounts before one, few clients before many."""
        return sorted({load for _, load in self.measured}, key=lambda load: (-load.accounts, load.clients))

    def _rates(self, contender: str, load: Load) -> list[float]:
        return [each.per_second for each in self.measured.get((contender, load), [])]
