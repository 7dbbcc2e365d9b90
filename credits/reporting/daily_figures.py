"""Count the ledger's entries into figures by day (`credits.reporting.models`): each entry exactly once.

Who spends pays nothing for it: no trigger, no index, no lock. Entries are appended and never changed, so what is
counted stays right, and counting goes on from each account's last version. An account and its entries commit together:
whoever sees the version sees every entry up to it, so nothing has to be waited for, and accounts may live apart.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from core.days import day_of
from credits.reporting.models import AccountCount, FirstSpend, LedgerCount, LedgerDay, SpendingDay

ENTRIES_AT_ONCE = 1_000_000
ACCOUNTS_AT_ONCE = 100_000
# With the usual 4 MB, so many would be sorted on disk.
MORE_MEMORY = "SET LOCAL work_mem = '64MB'"
BURN_DAYS = 7
NOBODY = UUID(int=0)

TO_COUNT = """
SELECT coalesce(sum(a.version - coalesce(c.version, 0)), 0)
FROM credits_account a LEFT JOIN credits_accountcount c ON c.account_id = a.id
WHERE a.version > coalesce(c.version, 0)
"""
# From the account on that was reached: each with the versions between which its entries are counted now. The last one
# may have more than are counted at once.
# MATERIALIZED: both tables are read through once, and not by their keys.
NEXT = """
WITH due AS MATERIALIZED (
    SELECT a.id, a.version, coalesce(c.version, 0) AS after
    FROM credits_account a LEFT JOIN credits_accountcount c ON c.account_id = a.id
    WHERE a.version > coalesce(c.version, 0) AND a.id >= %(reached)s
), added AS (
    SELECT id, version, after, (sum(version - after) OVER (ORDER BY id))::bigint - (version - after) AS before
    FROM (SELECT * FROM due ORDER BY id LIMIT %(accounts)s) next
)
SELECT id, after, least(version, after + %(entries)s - before) FROM added WHERE before < %(entries)s ORDER BY id
"""
ENTRIES = """
    FROM unnest(%(accounts)s::uuid[], %(after)s::bigint[], %(last)s::bigint[]) AS due (account, after, last)
    JOIN credits_entry e ON e.account_id = due.account AND e.version > due.after AND e.version <= due.last
"""
ADD_DAYS = f"""
WITH entries AS (
    SELECT e.account_id, (e.created_at AT TIME ZONE %(zone)s)::date AS day, e.kind, e.owed, e.lots, e.moved
    {ENTRIES}
)
INSERT INTO credits_ledgerday AS d (day, kind, source, currency, cost_minor, cost_credits, credits)
SELECT e.day, e.kind, CASE WHEN l.promotional THEN 'promotional' ELSE 'paid' END,
       CASE WHEN l.cost_minor IS NULL THEN '' ELSE l.currency END, coalesce(l.cost_minor, 0),
       CASE WHEN l.cost_minor IS NULL THEN 1 ELSE coalesce(l.cost_credits, l.amount) END, sum(m.amount)
FROM entries e CROSS JOIN LATERAL unnest(e.lots, e.moved) AS m (lot, amount)
JOIN credits_lot l ON l.account_id = e.account_id AND l.id = m.lot
GROUP BY 1, 2, 3, 4, 5, 6
UNION ALL
SELECT day, kind, 'owed', '', 0, 1, -sum(owed) FROM entries WHERE owed <> 0 GROUP BY 1, 2
ON CONFLICT (day, kind, source, currency, cost_minor, cost_credits) DO UPDATE SET credits = d.credits + excluded.credits
"""  # noqa: S608 - constants
ADD_FIRST_SPENDS = f"""
INSERT INTO credits_firstspend (account_id, at)
SELECT e.account_id, min(e.created_at)
{ENTRIES}
WHERE e.kind = 'spend' AND EXISTS (
    SELECT FROM credits_lot l WHERE l.account_id = e.account_id AND l.id = ANY (e.lots) AND NOT l.promotional
)
GROUP BY e.account_id
ON CONFLICT DO NOTHING
"""  # noqa: S608 - constants
ADD_SPENDING = f"""
INSERT INTO credits_spendingday AS d (account_id, day, spent)
SELECT e.account_id, (e.created_at AT TIME ZONE %(zone)s)::date, -sum(e.amount)
{ENTRIES}
WHERE e.kind = 'spend' AND e.created_at >= %(burn_from)s::date::timestamp AT TIME ZONE %(zone)s
GROUP BY 1, 2
ON CONFLICT (day, account_id) DO UPDATE SET spent = d.spent + excluded.spent
"""
MARK = """
INSERT INTO credits_accountcount (account_id, version) SELECT * FROM unnest(%(accounts)s::uuid[], %(last)s::bigint[])
ON CONFLICT (account_id) DO UPDATE SET version = excluded.version
"""

ShowProgress = Callable[[float], None]


def count_entries(progress: ShowProgress | None = None, *, from_scratch: bool = False) -> None:
    """Count what came since the last time, some entries per transaction; ``from_scratch``: from the first one, best in
    one transaction, so that readers see the former state.

    Days are in the site's TIME_ZONE; if that has changed, everything is counted again.
    """
    now = timezone.now()
    with transaction.atomic():
        if _locked().zone != settings.TIME_ZONE or from_scratch:
            _forget_all()
    to_count, counted = _how_many() if progress else 0, 0
    reached: UUID | None = NOBODY
    while reached is not None:
        some, reached = _count_some(now, reached)
        counted += some
        if progress and to_count:
            progress(min(1.0, counted / to_count))
    _close(now)


@transaction.atomic
def _count_some(now: datetime.datetime, reached: UUID) -> tuple[int, UUID | None]:
    """Return how many entries were counted and the last account reached; None if none were left."""
    count = _locked()
    with connection.cursor() as cursor:
        cursor.execute(MORE_MEMORY)
        cursor.execute(NEXT, {"reached": reached, "accounts": ACCOUNTS_AT_ONCE, "entries": ENTRIES_AT_ONCE})
        due = cursor.fetchall()
        if not due:
            return 0, None
        accounts, after, last = (list(column) for column in zip(*due, strict=True))
        parameters: dict[str, Any] = {
            "zone": count.zone,
            "accounts": accounts,
            "after": after,
            "last": last,
            "burn_from": burn_start(now),
        }
        for statement in (ADD_DAYS, ADD_FIRST_SPENDS, ADD_SPENDING, MARK):
            cursor.execute(statement, parameters)
    return sum(last) - sum(after), accounts[-1]


def _how_many() -> int:
    with connection.cursor() as cursor:
        cursor.execute(TO_COUNT)
        return int(cursor.fetchone()[0])


def _locked() -> LedgerCount:
    LedgerCount.objects.bulk_create([LedgerCount(zone=settings.TIME_ZONE)], ignore_conflicts=True)
    return LedgerCount.objects.select_for_update().get()


def _forget_all() -> None:
    for model in (LedgerDay, FirstSpend, SpendingDay, AccountCount):
        model.objects.all().delete()
    LedgerCount.objects.update(zone=settings.TIME_ZONE)


@transaction.atomic
def _close(now: datetime.datetime) -> None:
    count = _locked()
    SpendingDay.objects.filter(day__lt=burn_start(now)).delete()
    # A run that began earlier and ended later has nothing to say.
    count.counted_at = max(count.counted_at or now, now)
    count.save(update_fields=["counted_at"])


def burn_start(now: datetime.datetime) -> datetime.date:
    """Return the first of the whole days that a burn is averaged over, which end with yesterday."""
    return day_of(now) - datetime.timedelta(days=BURN_DAYS)
