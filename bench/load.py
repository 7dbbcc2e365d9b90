"""Define what is spent, the loads, how long each is measured, and how often."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

MANY = 10_000
AMOUNT = Decimal("0.25")  # of each spend
# Accounts that receive the other ledgers' spends. One would be a queue that ours doesn't have.
SINKS = 1_000


@dataclass(frozen=True, order=True)
class Load:
    """``clients`` at once, each spending from accounts drawn at random out of ``accounts``."""

    accounts: int
    clients: int

    @property
    def name(self) -> str:
        where = "one hot account" if self.accounts == 1 else f"{self.accounts:,} accounts"
        return f"{where}, {self.clients} client{'s' if self.clients > 1 else ''}"


# The two that the aims refer to.
MANY_4 = Load(MANY, 4)
HOT_4 = Load(1, 4)
LOADS = tuple(Load(accounts, clients) for accounts in (MANY, 1) for clients in (1, 4, 16))


@dataclass(frozen=True)
class Pace:
    """How long a measurement lasts, how often it is repeated, and which are made."""

    window_s: int
    warm_up_s: float
    rounds: int
    rounds_of_aims: int
    loads: tuple[Load, ...]
    sizes: tuple[int, ...]
    site_rounds: int
    reconciled: tuple[int, ...]

    def rounds_for(self, load: Load) -> int:
        return self.rounds_of_aims if load in (MANY_4, HOT_4) else self.rounds


FULL = Pace(1, 0.15, 3, 5, LOADS, (10_000, 1_000_000, 10_000_000), 40, (10_000, 100_000))
QUICK = Pace(1, 0.1, 1, 2, (MANY_4, HOT_4), (10_000, 1_000_000), 10, (1_000, 10_000))
