"""Fill a development database with a batch of sample buyers, in chunks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass

from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from accounts.models import User
from billing.packages.models import Package
from billing.packages.pricing import Offer, offers
from billing.purchases.models import Payment, Purchase, PurchaseEvent
from billing.refunds.models import Dispute, Refund
from billing.reporting.daily_figures import count_all_next_time
from billing.sample_data.plan import IDS_A_PLACE, CannotSeed, Plan, Reserved, Sizes
from billing.sample_data.rows import Rows
from billing.sample_data.story import Story
from credits.ledger.models import Account, Clawback, Entry, Lot

ENTRIES_A_CHUNK = 50_000
FILLED = (User, Account, Lot, Entry, Clawback, Purchase, PurchaseEvent, Payment, Refund, Dispute)
USERNAME = r"^seed-(\d+)-\d+$"


@dataclass(frozen=True)
class Seeded:
    """The batch that was added; its usernames begin with ``seed-<batch>-``."""

    batch: int


def seed_demo(sizes: Sizes, seed: int, report: Callable[[float], None]) -> Seeded:
    """Add a batch, and call ``report`` with the share that is done. Ids, sums and outcomes follow from ``seed`` and
    the batch's number; times end now. Buyers are written whole: an interruption leaves fewer, with complete books.

    Raises:
        CannotSeed: this is not a development database, nothing is on sale, or the role is no superuser.
    """
    _check_place()
    offered = _offered()
    plan = Plan(sizes, seed, _reserve(sizes.entries), timezone.now())
    try:
        _write_all(plan, offered, report)
    finally:
        count_all_next_time()
    _analyze()
    return Seeded(plan.reserved.batch)


def _write_all(plan: Plan, offered: Sequence[Offer], report: Callable[[float], None]) -> None:
    buyers = plan.sizes.buyers
    with closing(Writer(plan.sizes.entries, report)) as writer:
        rows = Rows()
        for buyer in range(buyers):
            Story(plan, buyer, offered, rows).tell(plan.purchases_of(buyer))
            if rows.count(Entry) >= ENTRIES_A_CHUNK or buyer == buyers - 1:
                writer.write(rows)
                rows = Rows()


class Writer:
    """Writes a chunk in a thread with its own connection while the next is generated; holds at most two in memory."""

    def __init__(self, entries: int, report: Callable[[float], None]) -> None:
        self.entries, self.report = entries, report
        self.thread = ThreadPoolExecutor(max_workers=1)
        self.writing: Future[int] | None = None
        self.written = 0

    def write(self, rows: Rows) -> None:
        self._wait()
        self.writing = self.thread.submit(_write, rows)

    def close(self) -> None:
        """Wait for the chunk in progress."""
        with self.thread:
            self._wait()

    def _wait(self) -> None:
        if self.writing:
            self.written += self.writing.result()
            self.writing = None
            self.report(self.written / self.entries)


def _write(rows: Rows) -> int:
    entries = rows.count(Entry)
    try:
        rows.write()
    finally:
        connection.close()
    return entries


def _check_place() -> None:
    if not settings.DEMO:
        raise CannotSeed("This is not a development database: sample data needs config.settings.dev.")
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('is_superuser')")
        if cursor.fetchone() != ("on",):
            raise CannotSeed("The database's role must be a superuser: rows are written past the triggers.")


def _offered() -> Sequence[Offer]:
    """Return the offers on sale at a price that can be refunded in part."""
    on_sale = [
        offer for offer in offers(Package.objects.filter(is_active=True)) if offer.package.price_minor > 1
    ]
    if not on_sale:
        raise CannotSeed("Nothing is on sale. Run load_catalog first.")
    return on_sale


@transaction.atomic
def _reserve(entries: int) -> Reserved:
    """Reserve ids, while other writers of entries and lots wait, so that none takes an id in between."""
    with connection.cursor() as cursor:
        cursor.execute("LOCK TABLE credits_entry, credits_lot IN SHARE ROW EXCLUSIVE MODE")
        cursor.execute(
            """
            SELECT coalesce(max((regexp_match(username, %s))[1]::int), 0) + 1,
                   setval(entry, nextval(entry) + %s - 1) - %s + 1,
                   setval(lot, nextval(lot) + %s - 1) - %s + 1
            FROM (SELECT pg_get_serial_sequence('credits_entry', 'id')::regclass,
                         pg_get_serial_sequence('credits_lot', 'id')::regclass) AS s (entry, lot)
            LEFT JOIN accounts_user ON username LIKE 'seed-%%'
            GROUP BY entry, lot
            """,
            [USERNAME, *[IDS_A_PLACE * entries] * 2, *[entries] * 2],
        )
        return Reserved(*cursor.fetchone())


def _analyze() -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"ANALYZE {', '.join(model._meta.db_table for model in FILLED)}")
