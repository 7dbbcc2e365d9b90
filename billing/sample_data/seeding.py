"""Fill a development database with a batch of sample buyers, in chunks."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import count
from math import ceil
from random import Random

from django.conf import settings
from django.contrib.auth.hashers import make_password
from django.db import connection, transaction
from django.utils import timezone

from accounts.models import User
from billing.packages.models import Package
from billing.packages.pricing import Offer, offers
from billing.purchases.models import Payment, Purchase, PurchaseEvent
from billing.refunds.models import Dispute, Refund
from billing.sample_data.clock import own_clock, set_clock
from billing.sample_data.plan import CannotSeed, Plan, Sizes
from billing.sample_data.sales import HOUR, ROWS_AT_ONCE, Sales
from billing.sample_data.story import Story
from credits.ledger import operations as ledger
from credits.ledger.models import Account, Clawback, Entry, Lot
from credits.ledger.results import Outcome

# PostgreSQL can't clear away an account's former rows before its transaction ends.
ENTRIES_A_CHUNK = 2000
BUYERS_A_CHUNK = 1000
FILLED = (User, Account, Lot, Entry, Clawback, Purchase, PurchaseEvent, Payment, Refund, Dispute)
FIRST_NAMES = (
    *("Ada", "Alan", "Barbara", "Dennis", "Edsger", "Grace", "Hedy", "Ken", "Leslie", "Linus", "Margaret"),
    *("Niklaus", "Radia", "Tim"),
)
LAST_NAMES = (
    *("Adler", "Baumann", "Costa", "Dubois", "Eriksen", "Fischer", "Garcia", "Hansen", "Ivanova", "Jones"),
    *("Kowalski", "Lopez"),
)


@dataclass(frozen=True)
class Seeded:
    """The batch that was added; its usernames begin with ``seed-<batch>-``."""

    batch: int


def seed_demo(sizes: Sizes, seed: int, report: Callable[[float], None]) -> Seeded:
    """Add a batch, and call ``report`` with the share that is done. Sums and outcomes follow from ``seed`` and the
    batch's number; times end now. An interruption leaves shorter histories, with complete books.

    Raises:
        CannotSeed: this is not a development database, or nothing is on sale.
    """
    if not settings.DEMO:
        raise CannotSeed("This is not a development database: sample data needs config.settings.dev.")
    offered = _offered()
    batch = next(number for number in count(1) if not _is_taken(number))
    random, now = Random(f"{seed}:{batch}"), timezone.now()
    plan, sales = Plan(sizes, random, now), Sales(random, now)
    stories = _open(plan, sales, offered, batch)
    chunk = plan.at_once * ceil(ENTRIES_A_CHUNK / plan.at_once)
    for first in range(0, sizes.entries, chunk):
        _live(plan, sales, stories, range(sizes.entries)[first : first + chunk])
        report(first / sizes.entries)
    for first in range(0, sizes.buyers, BUYERS_A_CHUNK):
        _end(sales, stories[first : first + BUYERS_A_CHUNK])
    with connection.cursor() as cursor:
        cursor.execute(f"ANALYZE {', '.join(model._meta.db_table for model in FILLED)}")
    return Seeded(batch)


def _is_taken(batch: int) -> bool:
    return User.objects.filter(username__startswith=f"seed-{batch}-").exists()


@transaction.atomic
def _open(plan: Plan, sales: Sales, offered: Sequence[Offer], batch: int) -> list[Story]:
    """Create the buyers, who join an hour before their first turn, and their accounts."""
    first_turns = {buyer: place for place, buyer in reversed(list(enumerate(plan.turns)))}
    users, accounts = [], []
    for buyer in range(plan.sizes.buyers):
        joined = plan.time_of(first_turns[buyer]) - HOUR
        first, last = sales.random.choice(FIRST_NAMES), sales.random.choice(LAST_NAMES)
        user = User(
            id=sales.uuid(),
            username=f"seed-{batch}-{buyer}",
            email=f"{first}.{last}.{batch}.{buyer}@example.com".lower(),
            first_name=first,
            last_name=last,
            password=make_password(None),
            date_joined=joined,
        )
        users.append(user)
        accounts.append(Account(id=sales.uuid(), owner=user, created_at=joined))
    User.objects.bulk_create(users, ROWS_AT_ONCE)
    Account.objects.bulk_create(accounts, ROWS_AT_ONCE)
    return [
        Story(account, sales, offered, plan.purchases[buyer], plan.entries[buyer])
        for buyer, account in enumerate(accounts)
    ]


def _live(plan: Plan, sales: Sales, stories: Sequence[Story], turns: range) -> None:
    with own_clock():
        for first in turns[:: plan.at_once]:
            _live_moment(
                plan.time_of(first), [stories[buyer] for buyer in plan.turns[first : first + plan.at_once]]
            )
        sales.write()


def _live_moment(at: datetime.datetime, stories: Sequence[Story]) -> None:
    set_clock(at)
    spends = [(story, order) for story in stories if (order := story.take_turn(at))]
    results = ledger.spend_many([order for _story, order in spends])
    for (story, order), result in zip(spends, results, strict=True):
        if result.outcome != Outcome.DONE:  # the rest has expired, or was clawed back at the same moment
            story.promote(order.key)


@transaction.atomic
def _end(sales: Sales, stories: Sequence[Story]) -> None:
    for story in stories:
        story.end()
    sales.write()


def _offered() -> Sequence[Offer]:
    """Return the offers on sale at a price that can be refunded in part."""
    on_sale = [
        offer for offer in offers(Package.objects.filter(is_active=True)) if offer.package.price_minor > 1
    ]
    if not on_sale:
        raise CannotSeed("Nothing is on sale. Run load_catalog first.")
    return on_sale
