"""What a plain ledger keeps: accounts with their entries, lots and holds, as lists and Decimals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from typing import Any

NOTHING = Decimal(0)
Metadata = Mapping[str, Any]
Movements = list[tuple["Lot", Decimal]]
Cost = tuple[int, str, Decimal]


@dataclass
class Lot:
    """Credits that came in together. ``number`` counts the ledger's lots, so the smaller is the older. ``cost`` is what
    was paid, in which currency, and for how many credits.
    """

    number: int
    account: str
    amount: Decimal
    promotional: bool
    cost: Cost | None
    expires_at: timedelta | None
    reference: str
    remaining: Decimal = NOTHING
    held: Decimal = NOTHING
    # The lot that these credits first came in with, where they were given.
    origin: int | None = None
    extended_by: timedelta = timedelta(0)

    @property
    def free(self) -> Decimal:
        return self.remaining - self.held

    def has_expired(self, now: timedelta) -> bool:
        return self.expires_at is not None and self.expires_at <= now

    @property
    def turn(self) -> tuple[bool, timedelta, bool, int]:
        """Who pays first: what expires first, promotional before paid, the older first."""
        return (self.expires_at is None, self.expires_at or timedelta(0), not self.promotional, self.number)


@dataclass(frozen=True)
class Entry:
    account: str
    version: int
    kind: str
    amount: Decimal
    balance_after: Decimal
    owed: Decimal
    movements: tuple[tuple[int, Decimal], ...]
    key: str
    reference: str
    metadata: Metadata
    # The lots that it made.
    new_lots: tuple[int, ...] = ()

    def brings(self, lot: int) -> bool:
        return lot in self.new_lots


@dataclass
class Hold:
    number: int
    account: str
    key: str
    amount: Decimal
    expires_in: timedelta
    expires_at: timedelta
    overrun: str
    reference: str
    metadata: Metadata
    pinned: dict[int, Decimal]  # by the lot's number, in the order in which they pay
    captured: Decimal = NOTHING
    status: str = "open"

    @property
    def remaining(self) -> Decimal:
        return sum(self.pinned.values(), NOTHING)


@dataclass
class Claim:
    """A clawback: what it claims, under which policy, and what came of it."""

    name: str
    kind: str
    policy: str
    amount: Decimal
    metadata: Metadata
    taken: Decimal = NOTHING
    pending: Decimal = NOTHING
    owed: Decimal = NOTHING
    waived: Decimal = NOTHING
    taken_since: timedelta | None = None


@dataclass
class Account:
    name: str
    closed: bool = False
    entries: list[Entry] = field(default_factory=list)
    lots: list[Lot] = field(default_factory=list)
    holds: list[Hold] = field(default_factory=list)

    @property
    def balance(self) -> Decimal:
        return sum((entry.amount for entry in self.entries), NOTHING)

    @property
    def debt(self) -> Decimal:
        return sum((entry.owed for entry in self.entries), NOTHING)

    @property
    def held(self) -> Decimal:
        return sum((hold.remaining for hold in self.holds), NOTHING)

    def moved(self, lot: Lot, *kinds: str) -> Decimal:
        """What the entries of these kinds moved in a lot, but for the one that it came in with."""
        return sum(
            (
                part
                for entry in self.entries
                for number, part in entry.movements
                if number == lot.number and entry.kind in kinds and not entry.brings(number)
            ),
            NOTHING,
        )

    def entry(self, key: str) -> Entry | None:
        return next((entry for entry in self.entries if entry.key == key), None)

    def spendable(self, now: timedelta) -> Decimal:
        """What is neither held, nor owed, nor expired."""
        free = sum((lot.free for lot in self.lots if not lot.has_expired(now)), NOTHING)
        return min(self.balance - self.held, free)

    def pick(self, amount: Decimal, now: timedelta, first: Lot | None = None) -> Movements:
        """The lots that pay ``amount``, each with how much."""
        picked: Movements = []
        for lot in sorted(self.lots, key=lambda lot: (lot is not first, lot.turn)):
            part = NOTHING if lot.has_expired(now) else min(lot.free, amount)
            if part > 0:
                picked.append((lot, part))
                amount -= part
        return picked


@dataclass(frozen=True)
class Booked:
    """An entry, and whether it stood in the books already."""

    entry: Entry
    repeated: bool


@dataclass(frozen=True)
class Item:
    """How one item of `spend_many` went."""

    outcome: str
    entry: Entry | None = None
    missing: Decimal = NOTHING
    balance_after: Decimal = NOTHING
    held: Decimal = NOTHING


def total(moved: Movements) -> Decimal:
    return sum((part for _lot, part in moved), NOTHING)


def merged(moved: Movements) -> Movements:
    """Each lot once."""
    parts: dict[int, tuple[Lot, Decimal]] = {}
    for lot, part in moved:
        parts[lot.number] = (lot, part + parts.get(lot.number, (lot, NOTHING))[1])
    return list(parts.values())
