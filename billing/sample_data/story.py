"""Live one buyer's two years: purchases, refunds, disputes, and spends in between."""

from __future__ import annotations

import datetime
from collections import deque
from collections.abc import Sequence
from decimal import ROUND_DOWN, Decimal
from typing import cast

from accounts.models import User
from billing.packages.pricing import Offer
from billing.purchases.models import Payment, Purchase
from billing.refunds.claims import claims_on, parts_of
from billing.refunds.models import Dispute
from billing.sample_data.sales import DAY, MINUTE, Sales, Status
from credits.ledger import operations as ledger
from credits.ledger.models import Account, Entry
from credits.ledger.results import SpendOrder

# Outcomes per thousand purchases.
OUTCOMES = {
    Status.COMPLETED: 855,
    Status.EXPIRED: 50,
    Status.FAILED: 35,
    Status.PARTIALLY_REFUNDED: 25,
    Status.REFUNDED: 20,
    Status.DISPUTED: 12,
    Status.PENDING: 3,
}
CENT = Decimal("0.01")
# The share of available credits spent before the next purchase.
SPENT = Decimal("0.8")
# The chance that a turn reverses a purchase that is to be reversed.
REVERSED_NOW = 0.25


class Story:
    """One buyer's history. Each turn adds an entry, and one beside it where that pays off debt."""

    def __init__(
        self, account: Account, sales: Sales, offered: Sequence[Offer], purchases: int, turns: int
    ) -> None:
        self.account, self.sales, self.offered, self.random = account, sales, offered, sales.random
        self.user = cast(User, account.owner)
        first, *later = self.random.choices(list(OUTCOMES), list(OUTCOMES.values()), k=purchases)
        # The first is always credited, as there is nothing to spend before.
        outcomes = [first if first in Purchase.CREDITED else Status.COMPLETED, *later]
        credited = [outcome for outcome in outcomes if outcome in Purchase.CREDITED]
        self.unpaid = [outcome for outcome in outcomes if outcome not in Purchase.CREDITED]
        places = [0, *sorted(self.random.sample(range(1, turns), len(credited) - 1))]
        self.buying = deque(zip(places, credited, strict=True))
        self.turn, self.turns = -1, turns
        self.available = Decimal(0)
        self.reversing: deque[tuple[Payment, Status]] = deque()
        self.expiries: deque[datetime.datetime] = deque()
        # Turns whose entries came with another one's.
        self.done = 0

    def take_turn(self, at: datetime.datetime) -> SpendOrder | None:
        """Return the spend to write, or write anything else now."""
        self.turn += 1
        if self.buying and self.buying[0][0] == self.turn:
            self._buy(self.buying.popleft()[1], at)
        elif self.done:
            self.done -= 1
        elif not (self._expire(at) or self._reverse(at)):
            return self._spend()
        return None

    def promote(self, key: str) -> None:
        """Add promotional credits, as there are too few to spend."""
        grant = ledger.grant(
            self.account.pk,
            Decimal(self.random.randint(1, 10) * 100),
            kind=Entry.Kind.PROMOTION,
            key=f"goodwill:{key}",
            reference="goodwill",
            promotional=True,
        )
        self.available = grant.balance_after

    def end(self) -> None:
        """Add the unpaid purchases: minutes old if pending, otherwise closed."""
        now, joined = self.sales.now, self.user.date_joined
        for outcome in self.unpaid:
            at = now - self.random.random() * 50 * MINUTE
            if outcome != Status.PENDING:
                at = joined + self.random.random() * max(MINUTE, now - 3 * DAY - joined)
            sale = self.sales.start(self.user, self.account, self.random.choice(self.offered), at)
            self.sales.end_unpaid(sale, outcome)

    def _buy(self, outcome: Status, at: datetime.datetime) -> None:
        offered = self.random.choice(self.offered)
        started_at = at - MINUTE * (1 + 19 * self.random.random())
        purchase = self.sales.start(self.user, self.account, offered, started_at)
        days = purchase.validity_days
        grant = ledger.grant(
            self.account.pk,
            purchase.credits,
            kind=Entry.Kind.PURCHASE,
            key=purchase.grant_key,
            reference=str(purchase.pk),
            metadata=purchase.entry_metadata,
            cost=ledger.Cost(purchase.price_minor, purchase.currency),
            expires_at=None if days is None else at + days * DAY,
        )
        self.available = grant.balance_after
        payment = self.sales.complete(purchase, grant, at)
        if days is not None:
            self.expiries.append(at + days * DAY)
        if outcome != Status.COMPLETED:
            self.reversing.append((payment, outcome))

    def _reverse(self, at: datetime.datetime) -> bool:
        """Perhaps refund or dispute a purchase, unless that would expire lots too; return whether it made an entry."""
        if not self.reversing or self._due(at) or self.random.random() >= REVERSED_NOW:
            return False
        payment, outcome = self.reversing.popleft()
        purchase, row = payment.purchase, self.sales.reverse(payment, outcome, at)
        is_dispute = isinstance(row, Dispute)
        ((_part, claims),) = claims_on(payment, parts_of(payment), [row])
        clawed = ledger.claw_back(
            self.account.pk,
            cast(int, payment.lot_id),
            claims,
            kind=Entry.Kind.DISPUTE if is_dispute else Entry.Kind.REFUND,
            metadata={**purchase.entry_metadata, "dispute" if is_dispute else "refund": str(row.pk)},
        )
        self.available = clawed.balance
        self.sales.settle(row, outcome, clawed)
        return clawed.entry_id is not None

    def _expire(self, at: datetime.datetime) -> bool:
        """Expire lots that are due, an entry each, if there are turns left for them."""
        if not 0 < self._due(at) <= self.turns - self.turn - len(self.buying):
            return False
        self.expiries = deque(expiry for expiry in self.expiries if expiry > at)
        expired = ledger.expire_lots(self.account.pk)
        self.available = Account.objects.values_list("balance", flat=True).get(pk=self.account.pk)
        self.done = max(0, expired - 1)
        return bool(expired)

    def _due(self, at: datetime.datetime) -> int:
        """Return how many lots may expire, as their date has passed."""
        return sum(expiry <= at for expiry in self.expiries)

    def _spend(self) -> SpendOrder | None:
        left = (self.buying[0][0] if self.buying else self.turns) - self.turn
        most = min(self.available, 2 * SPENT * self.available / left)
        amount = max(CENT, (most * Decimal(self.random.random())).quantize(CENT, ROUND_DOWN))
        key = f"job:{self.turn}"
        if amount > self.available:
            self.promote(key)
            return None
        self.available -= amount
        return SpendOrder(self.account.pk, amount, key, "job")
