"""Counts the ledger's entries into figures by day (`credits.reporting.models`): each entry once, none left out.

Who spends pays nothing for it: no trigger, no index, no lock. Entries are appended and never changed, so what is
counted stays right, and counting goes on from the last id. The one difficulty is that ids commit in another order than
they are given: a smaller one may still be in flight. `settled_now` finds an id below which none is.
"""

from __future__ import annotations

import datetime
import time
from collections.abc import Callable
from dataclasses import dataclass

from django.conf import settings
from django.db import connection, transaction

from core.days import day_of
from credits.reporting.models import FirstSpend, LedgerCount, LedgerDay, SpendingDay

ENTRIES_AT_ONCE = 1_000_000
# With the usual 4 MB, so many would be sorted on disk.
MORE_MEMORY = "SET LOCAL work_mem = '64MB'"
BURN_DAYS = 7
PATIENCE_SECONDS = 10.0
PAUSE_SECONDS = 0.05

# Before debts were paid off by entries of their own, a lot that came in lacked from the beginning what it had paid off.
ADD_DAYS = """
WITH entries AS (
    SELECT (created_at AT TIME ZONE %(zone)s)::date AS day, kind, owed, lots, moved, created_at
    FROM credits_entry WHERE id > %(after)s AND id <= %(last)s
), moved AS (
    SELECT e.day, e.kind, m.lot, m.amount FROM entries e CROSS JOIN LATERAL unnest(e.lots, e.moved) AS m (lot, amount)
    UNION ALL
    SELECT e.day, sides.kind, l.id, sides.amount
    FROM entries e CROSS JOIN LATERAL unnest(e.lots, e.moved) AS m (lot, amount) JOIN credits_lot l ON l.id = m.lot
    CROSS JOIN LATERAL (VALUES (e.kind, l.amount - m.amount), ('offset', m.amount - l.amount)) AS sides (kind, amount)
    WHERE e.owed < 0 AND credits_brings_in(e.kind) AND l.created_at = e.created_at AND m.amount < l.amount
)
INSERT INTO credits_ledgerday AS d (day, kind, source, currency, cost_minor, cost_credits, credits)
SELECT m.day, m.kind, CASE WHEN l.promotional THEN 'promotional' ELSE 'paid' END,
       CASE WHEN l.cost_minor IS NULL THEN '' ELSE l.currency END, coalesce(l.cost_minor, 0),
       CASE WHEN l.cost_minor IS NULL THEN 1 ELSE coalesce(l.cost_credits, l.amount) END, sum(m.amount)
FROM moved m JOIN credits_lot l ON l.id = m.lot GROUP BY 1, 2, 3, 4, 5, 6
UNION ALL
SELECT day, kind, 'owed', '', 0, 1, -sum(owed) FROM entries WHERE owed <> 0 GROUP BY 1, 2
ON CONFLICT (day, kind, source, currency, cost_minor, cost_credits) DO UPDATE SET credits = d.credits + excluded.credits
"""
ADD_FIRST_SPENDS = """
INSERT INTO credits_firstspend (account_id, at)
SELECT e.account_id, min(e.created_at)
FROM credits_entry e
WHERE e.id > %(after)s AND e.id <= %(last)s AND e.kind = 'spend'
      AND EXISTS (SELECT FROM credits_lot l WHERE l.id = ANY (e.lots) AND NOT l.promotional)
GROUP BY e.account_id
ON CONFLICT DO NOTHING
"""
ADD_SPENDING = """
INSERT INTO credits_spendingday AS d (account_id, day, spent)
SELECT account_id, (created_at AT TIME ZONE %(zone)s)::date, -sum(amount)
FROM credits_entry
WHERE id > %(after)s AND id <= %(last)s AND kind = 'spend'
      AND created_at >= %(burn_from)s::date::timestamp AT TIME ZONE %(zone)s
GROUP BY 1, 2
ON CONFLICT (day, account_id) DO UPDATE SET spent = d.spent + excluded.spent
"""
LAST_GIVEN = """
SELECT CASE WHEN is_called THEN last_value ELSE last_value - 1 END, clock_timestamp() FROM credits_entry_id_seq
"""
# Who inserts holds such a lock on the table from before the id is taken until its transaction ends.
WRITERS = """
SELECT coalesce(array_agg(DISTINCT virtualtransaction), '{}') FROM pg_locks
WHERE locktype = 'relation' AND relation = 'credits_entry'::regclass AND granted
      AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
      AND mode IN ('RowExclusiveLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock')
      AND pid IS DISTINCT FROM pg_backend_pid()
"""

ShowProgress = Callable[[float], None]


@dataclass(frozen=True)
class Settled:
    """No entry up to ``entry_id`` can still come; ``at`` is when that was so."""

    entry_id: int
    at: datetime.datetime


def settled_now(patience: float | None = None) -> Settled | None:
    """The last id given to an entry, once nobody is writing an entry with a smaller one any more.

    Whoever has an id by the time we look is among those who write to the table just after: when these transactions are
    over, so is every entry up to that id. One that stays open for over ``patience`` seconds leaves it open: None.
    """
    until = time.monotonic() + (PATIENCE_SECONDS if patience is None else patience)
    with connection.cursor() as cursor:
        cursor.execute(LAST_GIVEN)
        settled = Settled(*cursor.fetchone())
        cursor.execute(WRITERS)
        writing = set(cursor.fetchone()[0])
        while writing:
            if time.monotonic() > until:
                return None
            time.sleep(PAUSE_SECONDS)
            cursor.execute(WRITERS)
            writing &= set(cursor.fetchone()[0])
    return settled


def count_entries(progress: ShowProgress | None = None) -> bool:
    """Counts what came since the last time, some entries per transaction. Whether it got up to now.

    In days of the site's TIME_ZONE; when that has changed, everything is counted anew.
    """
    settled = settled_now()
    if settled is None:
        return False
    count_entries_up_to(settled, progress)
    return True


def count_entries_up_to(
    settled: Settled, progress: ShowProgress | None = None, *, anew: bool = False
) -> None:
    """Up to a given entry; ``anew``: from the first one, best in one transaction, so that who reads sees what was."""
    with transaction.atomic():
        if _locked().zone != settings.TIME_ZONE or anew:
            _forget_all()
    while not _count_some(settled):
        if progress:
            progress(LedgerCount.objects.get().entry_id / settled.entry_id)


@transaction.atomic
def _count_some(settled: Settled) -> bool:
    """Whether there were none left."""
    count = _locked()
    if count.entry_id >= settled.entry_id:
        _close(count, settled)
        return True
    _add_some(count, settled)
    return False


def _locked() -> LedgerCount:
    """The count, which only one may go on with."""
    LedgerCount.objects.bulk_create([LedgerCount(zone=settings.TIME_ZONE)], ignore_conflicts=True)
    return LedgerCount.objects.select_for_update().get()


def _forget_all() -> None:
    for model in (LedgerDay, FirstSpend, SpendingDay):
        model.objects.all().delete()
    LedgerCount.objects.update(entry_id=0, zone=settings.TIME_ZONE)


def _add_some(count: LedgerCount, settled: Settled) -> None:
    last = min(count.entry_id + ENTRIES_AT_ONCE, settled.entry_id)
    parameters: dict[str, str | int | datetime.date] = {
        "zone": count.zone,
        "after": count.entry_id,
        "last": last,
        "burn_from": burn_start(settled.at),
    }
    with connection.cursor() as cursor:
        cursor.execute(MORE_MEMORY)
        for statement in (ADD_DAYS, ADD_FIRST_SPENDS, ADD_SPENDING):
            cursor.execute(statement, parameters)
    count.entry_id = last
    count.save(update_fields=["entry_id"])


def _close(count: LedgerCount, settled: Settled) -> None:
    SpendingDay.objects.filter(day__lt=burn_start(settled.at)).delete()
    # A run that looked earlier and ended later has nothing to say.
    count.counted_at = max(count.counted_at or settled.at, settled.at)
    count.save(update_fields=["counted_at"])


def burn_start(now: datetime.datetime) -> datetime.date:
    """The first of the whole days that a burn is averaged over, which end with yesterday."""
    return day_of(now) - datetime.timedelta(days=BURN_DAYS)
