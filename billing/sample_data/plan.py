"""Deal a batch's purchases and entries to buyers, in order of time."""

from __future__ import annotations

import datetime
from collections import Counter
from dataclasses import dataclass
from math import ceil
from random import Random

from credits.ledger.operations import MOST_ITEMS

SPAN = datetime.timedelta(days=730)
LARGEST_WEIGHT = 1000
MOMENTS = 2_000


class CannotSeed(Exception):
    """The request is impossible, or not allowed here; the message says why."""


@dataclass(frozen=True)
class Sizes:
    """The size of a batch: each purchase may need an entry that credits it, and each buyer two purchases.

    Raises:
        CannotSeed: there are too few of one for the other.
    """

    purchases: int
    entries: int
    buyers: int

    def __post_init__(self) -> None:
        if not 0 < self.buyers <= max(1, self.purchases // 2) or self.purchases < 2:
            raise CannotSeed("Use at least one buyer, and two purchases per buyer.")
        if self.entries < 2 * self.purchases:
            raise CannotSeed("Use at least twice as many entries as purchases.")


class Plan:
    """Whose turn each entry is: twice a buyer's for each of their purchases, the rest in proportion to their weight.

    Turns are taken ``at_once`` in each of so many moments, evenly spaced, as their spends are written together.
    """

    def __init__(self, sizes: Sizes, random: Random, ends_at: datetime.datetime) -> None:
        self.sizes, self.ends_at = sizes, ends_at
        everyone = range(sizes.buyers)
        weights = [_weight(buyer, sizes.buyers) for buyer in everyone]
        more = random.choices(everyone, weights, k=sizes.purchases - 2 * sizes.buyers)
        buying = [*everyone, *everyone, *more]
        using = random.choices(everyone, weights, k=sizes.entries - 2 * sizes.purchases)
        self.turns = [*buying, *buying, *using]
        random.shuffle(self.turns)
        self.purchases, self.entries = Counter(buying), Counter(self.turns)
        self.at_once = min(MOST_ITEMS, ceil(sizes.entries / MOMENTS))

    def time_of(self, turn: int) -> datetime.datetime:
        """Return the time of a turn, which is that of its moment."""
        left = self.sizes.entries - turn + turn % self.at_once
        return self.ends_at - SPAN * left / self.sizes.entries


def _weight(buyer: int, buyers: int) -> int:
    """Return a buyer's weight: small for most, larger for some, largest for the first; in all, up to 2 × ``buyers``."""
    few = 3 if buyer % 10 == 5 else 0
    many = 20 if buyer % 100 == 50 else 0
    most = min(buyers // 20, LARGEST_WEIGHT) if buyer == 0 else 0
    return 1 + few + many + most
