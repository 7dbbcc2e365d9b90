"""Distribute a batch's purchases and entries over buyers and time."""

from __future__ import annotations

import datetime
from dataclasses import dataclass, field
from random import Random
from typing import NamedTuple

SPAN = datetime.timedelta(days=730)
MICROSECOND = datetime.timedelta(microseconds=1)
EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
LARGEST_WEIGHT = 1000
IDS_A_PLACE = 2


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


@dataclass(frozen=True)
class Reserved:
    """The numbers reserved for a batch: its own, and the first ids of its entries and lots."""

    batch: int
    first_entry: int
    first_lot: int


class Moment(NamedTuple):
    """A batch's place: an entry id (the next is reserved to pay off debt), a lot id, microseconds since 1970."""

    entry_id: int
    lot_id: int
    at: int


@dataclass(frozen=True)
class Plan:
    """A batch's entries in order of time, dealt to buyers by a wheel with places in proportion to their weight. So
    ids and times rise together across accounts, though each is written whole. Random turns avoid a fixed rhythm.
    """

    sizes: Sizes
    seed: int
    reserved: Reserved
    ends_at: datetime.datetime
    places: list[list[int]] = field(init=False)
    turns: list[int] = field(init=False)
    wheel_size: int = field(init=False)

    def __post_init__(self) -> None:
        random = self.random("wheel")
        wheel = [
            buyer for buyer in range(self.sizes.buyers) for _ in range(_weight(buyer, self.sizes.buyers))
        ]
        random.shuffle(wheel)
        places: list[list[int]] = [[] for _ in range(self.sizes.buyers)]
        for place, buyer in enumerate(wheel):
            places[buyer].append(place)
        object.__setattr__(self, "places", places)
        object.__setattr__(self, "wheel_size", len(wheel))
        rounds = self.sizes.entries // len(wheel) + 1
        object.__setattr__(self, "turns", [random.randrange(len(wheel)) for _ in range(rounds)])

    def random(self, of: object) -> Random:
        """Return a generator that yields the same numbers for the same seed, batch and subject."""
        return Random(f"{self.seed}:{self.reserved.batch}:{of}")

    def purchases_of(self, buyer: int) -> int:
        rounds, rest = divmod(self.sizes.purchases, self.wheel_size)
        return rounds * len(self.places[buyer]) + sum(place < rest for place in self.places[buyer])

    def moments_of(self, buyer: int, random: Random) -> list[Moment]:
        """Return a buyer's moments in order of time, at least as many as purchases."""
        size, entries = self.wheel_size, self.sizes.entries
        slots = sorted(
            turned * size + (place + turn) % size
            for turned, turn in enumerate(self.turns)
            for place in self.places[buyer]
        )
        span, start = SPAN // MICROSECOND, microseconds(self.ends_at - SPAN)
        step = span // entries
        return [
            Moment(
                self.reserved.first_entry + IDS_A_PLACE * slot,
                self.reserved.first_lot + slot,
                start + slot * span // entries + random.randrange(step),
            )
            for slot in slots
            if slot < entries
        ]


def microseconds(instant: datetime.datetime) -> int:
    """Return the microseconds since 1970."""
    return (instant - EPOCH) // MICROSECOND


def instant(at: int) -> datetime.datetime:
    return EPOCH + datetime.timedelta(microseconds=at)


def _weight(buyer: int, buyers: int) -> int:
    """Return a buyer's weight: small for most, larger for some, largest for the first; in all, up to 2 × ``buyers``."""
    few = 3 if buyer % 10 == 5 else 0
    many = 20 if buyer % 100 == 50 else 0
    most = min(buyers // 20, LARGEST_WEIGHT) if buyer == 0 else 0
    return 1 + few + many + most
