"""Simulate one buyer's two years: purchases, refunds, disputes, and spends in between."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from uuid import UUID

from django.contrib.auth.hashers import UNUSABLE_PASSWORD_PREFIX

from accounts.email_addresses import email_key
from accounts.models import User
from billing.packages.pricing import Offer
from billing.purchases.models import Purchase
from billing.refunds.models import Dispute
from billing.sample_data.books import MILLION, NEVER, Books, Clawed, Fact, OpenLot
from billing.sample_data.plan import Moment, Plan, instant, microseconds
from billing.sample_data.rows import Rows
from billing.sample_data.sales import (
    DAY,
    MINUTE,
    Sale,
    Status,
    claim_back,
    complete,
    end_unpaid,
    settle,
    start_sale,
)
from credits.ledger.models import Account, Clawback, Entry

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
FIRST_NAMES = (
    *("Ada", "Alan", "Barbara", "Dennis", "Edsger", "Grace", "Hedy", "Ken", "Leslie", "Linus", "Margaret"),
    *("Niklaus", "Radia", "Tim"),
)
LAST_NAMES = (
    *("Adler", "Baumann", "Costa", "Dubois", "Eriksen", "Fischer", "Garcia", "Hansen", "Ivanova", "Jones"),
    *("Kowalski", "Lopez"),
)
CENT = MILLION // 100
# The share of available credits spent before the next purchase.
SPENT_PERCENT = 80


@dataclass(frozen=True)
class Credited:
    """An entry that credits a purchase, and the purchase's outcome."""

    outcome: Status


@dataclass(frozen=True)
class Returned:
    """An entry that claws back the purchase credited at another place."""

    place: int
    outcome: Status


Deed = Credited | Returned | None


class Story:
    """One buyer's history, drawn from its own random numbers, independent of other buyers."""

    def __init__(self, plan: Plan, buyer: int, offered: Sequence[Offer], rows: Rows) -> None:
        self.plan, self.offered, self.rows = plan, offered, rows
        self.random = plan.random(buyer)
        self.moments = plan.moments_of(buyer, self.random)
        self.joined = self.moments[0].at - 60 * MINUTE
        self.now = microseconds(plan.ends_at)
        self.user = _user(plan.reserved.batch, buyer, self.random, self.joined)
        self.account = Account(id=_uuid(self.random))
        self.books = Books(self.account.pk, rows)
        self.sales: dict[int, tuple[Sale, OpenLot]] = {}

    def tell(self, purchases: int) -> None:
        """Add all of the buyer's rows."""
        first, *later = self.random.choices(list(OUTCOMES), list(OUTCOMES.values()), k=purchases)
        # The first is always credited, as there is nothing to spend before.
        outcomes = [first if first in Purchase.CREDITED else Status.COMPLETED, *later]
        self._live([outcome for outcome in outcomes if outcome in Purchase.CREDITED])
        self.rows.add(self.user)
        self.books.close(self.user.pk, self.joined)
        sales = [sale for sale, _ in self.sales.values()]
        unpaid = [self._unpaid(outcome) for outcome in outcomes if outcome not in Purchase.CREDITED]
        for sale in [*sales, *unpaid]:
            for row in sale.rows:
                self.rows.add(row)

    def _live(self, credited: list[Status]) -> None:
        deeds = plan_deeds(credited, len(self.moments), self.random)
        spends_left = _spends_before_next_purchase(deeds)
        for place, (moment, deed) in enumerate(zip(self.moments, deeds, strict=True)):
            if isinstance(deed, Credited):
                self._buy(place, moment)
            elif deed is None or not self._give_back(deed, moment):
                self._use(moment, spends_left[place])

    def _buy(self, place: int, moment: Moment) -> None:
        offered = self.random.choice(self.offered)
        created_at = moment.at - self.random.randrange(MINUTE, 20 * MINUTE)
        sale = start_sale(self.user, self.account, offered, self.random, created_at)
        package, key = offered.package, sale.purchase.grant_key
        lot = OpenLot(
            id=moment.lot_id,
            amount=int(package.credits * MILLION),
            remaining=0,
            promotional=False,
            expires=NEVER if package.validity_days is None else moment.at + package.validity_days * DAY,
            cost_minor=package.price_minor,
            currency=package.currency,
            reference=str(sale.purchase.pk),
            created=moment.at,
        )
        self.books.grant(
            moment, lot, Fact(Entry.Kind.PURCHASE, key, lot.reference, sale.purchase.entry_metadata)
        )
        complete(sale, moment, self.books.balance, self.random)
        self.sales[place] = sale, lot

    def _give_back(self, deed: Returned, moment: Moment) -> bool:
        """Claw back a purchase if its lot isn't about to expire and paid no debt; return whether that made an entry."""
        sale, lot = self.sales[deed.place]
        if lot.offset or (lot.remaining and lot.expires <= moment.at):
            return False
        claim = claim_back(sale, deed.outcome, self.random, moment, self.now)
        is_dispute = isinstance(claim.row, Dispute)
        metadata: dict[str, str | int] = {
            **sale.purchase.entry_metadata,
            "dispute" if is_dispute else "refund": str(claim.row.pk),
            "lot": lot.id,
        }
        fact = Fact(
            Entry.Kind.DISPUTE if is_dispute else Entry.Kind.REFUND,
            f"clawback:{lot.id}:{self.books.version + 1}",
            lot.reference,
            metadata,
        )
        kind = Clawback.Kind.DISPUTE if is_dispute else Clawback.Kind.REFUND
        clawed = Clawed(claim.row.pk, kind, claim.credits, claim.owes)
        taken, owed = self.books.claw_back(moment, lot, clawed, fact)
        settle(sale, claim, deed.outcome, taken, moment.at)
        return bool(taken + owed)

    def _use(self, moment: Moment, spends_left: int) -> None:
        """Spend a share of the available credits, after expiring what is due; grant a promotion if none are left."""
        free = self.books.free(moment.at)
        if lot := self.books.expired(moment.at):
            self.books.expire(moment, lot)
        elif free:
            most = max(1, min(free, 2 * free * SPENT_PERCENT // (100 * (spends_left + 1))))
            amount = 1 + int(self.random.random() * most)  # faster than randint
            key = f"job:{moment.entry_id:x}"
            self.books.spend(moment, amount - amount % CENT or amount, Fact(Entry.Kind.SPEND, key, "job"))
        else:
            self._promote(moment)

    def _promote(self, moment: Moment) -> None:
        amount = self.random.randint(1, 10) * 100 * MILLION
        key = f"goodwill:{moment.entry_id:x}"
        lot = OpenLot(
            id=moment.lot_id,
            amount=amount,
            remaining=0,
            promotional=True,
            expires=NEVER,
            cost_minor=None,
            currency="",
            reference="goodwill",
            created=moment.at,
        )
        self.books.grant(moment, lot, Fact(Entry.Kind.PROMOTION, key, lot.reference))

    def _unpaid(self, outcome: Status) -> Sale:
        """Create an unpaid sale: minutes old if pending, otherwise closed."""
        if outcome == Status.PENDING:
            at = self.now - self.random.randrange(50 * MINUTE)
        else:
            at = self.random.randrange(self.joined, max(self.joined + 1, self.now - 3 * DAY))
        sale = start_sale(self.user, self.account, self.random.choice(self.offered), self.random, at)
        end_unpaid(sale, outcome, at, self.random)
        return sale


def plan_deeds(credited: Sequence[Status], entries: int, random: Random) -> list[Deed]:
    """Plan each entry: a purchase first, others anywhere, reversals soon after if there is room, None for usage."""
    deeds: list[Deed] = [None] * entries
    places = [0, *sorted(random.sample(range(1, entries), len(credited) - 1))]
    for place, outcome in zip(places, credited, strict=True):
        deeds[place] = Credited(outcome)
    for place, outcome in zip(places, credited, strict=True):
        if outcome != Status.COMPLETED:
            later = range(place + random.randint(1, 8), entries)
            free = next((other for other in later if deeds[other] is None), None)
            if free is not None:
                deeds[free] = Returned(place, outcome)
    return deeds


def _spends_before_next_purchase(deeds: Sequence[Deed]) -> list[int]:
    left, spends = 0, []
    for deed in reversed(deeds):
        left = 0 if isinstance(deed, Credited) else left + 1
        spends.append(max(0, left - 1))
    return spends[::-1]


def _user(batch: int, buyer: int, random: Random, joined: int) -> User:
    first, last = random.choice(FIRST_NAMES), random.choice(LAST_NAMES)
    email = f"{first}.{last}.{batch}.{buyer}@example.com".lower()
    return User(
        id=_uuid(random),
        username=f"seed-{batch}-{buyer}",
        email=email,
        email_key=email_key(email),  # the trigger that sets it is bypassed
        first_name=first,
        last_name=last,
        password=f"{UNUSABLE_PASSWORD_PREFIX}seeded",
        date_joined=instant(joined),
    )


def _uuid(random: Random) -> UUID:
    return UUID(int=random.getrandbits(128), version=4)
