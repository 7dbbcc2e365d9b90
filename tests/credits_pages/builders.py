"""Accounts with a past."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from django.db import connection
from django.utils import timezone

from credits.ledger import operations as ledger
from credits.ledger.models import Account, Entry

UTC = ZoneInfo("UTC")
BERLIN = ZoneInfo("Europe/Berlin")


def at(text: str, zone: ZoneInfo = UTC) -> datetime:
    """``2026-11-21 08:30`` on the zone's clock."""
    return datetime.fromisoformat(text).replace(tzinfo=zone)


def book(
    account: Account,
    amount: str | int,
    when: datetime | None = None,
    *,
    reference: str = "",
    kind: Entry.Kind | None = None,
    expires_at: datetime | None = None,
) -> Entry:
    """A grant, or for an amount below zero a spend, that happened at ``when``."""
    change = Decimal(amount)
    key = f"test:{Entry.objects.count()}"
    if change > 0:
        kind = kind or Entry.Kind.PURCHASE
        promotional = kind == Entry.Kind.PROMOTION
        ledger.grant(
            account.pk,
            change,
            kind=kind,
            key=key,
            reference=reference,
            expires_at=expires_at,
            promotional=promotional,
        )
    else:
        ledger.spend(account.pk, -change, key=key, reference=reference)
    entry = Entry.objects.filter(account=account).latest("version")
    if when is not None:
        past("UPDATE credits_entry SET created_at = %s WHERE id = %s", [when, entry.pk])
        entry.refresh_from_db()
    return entry


def past(statement: str, arguments: Any = ()) -> None:
    """Changes what is past, which the books refuse: only a superuser can, and only for looking at pages."""
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        cursor.execute(statement, arguments)
        cursor.execute("SET session_replication_role = origin")


def make_long(account: Account, entries: int, last: datetime, seconds_apart: int = 60) -> None:
    """Gives a new account a history of so many entries, up to ``last``: every hundredth brings 100 in, all others
    spend one.
    """
    lot = book(account, 2 * entries, last - timedelta(seconds=seconds_apart * (entries - 1))).lots[0]
    past(
        """
        INSERT INTO credits_entry (account_id, version, kind, amount, balance_after, lots, moved, key, reference,
                                   metadata, created_at, hash)
        SELECT %(account)s, n, kind, amount, 2 * %(entries)s + sum(amount) OVER (ORDER BY n), ARRAY[%(lot)s],
               ARRAY[amount], 'long:' || n, 'job-' || n, '{}',
               %(last)s::timestamptz - (%(entries)s - n) * %(apart)s * interval '1 second', ''
        FROM (
            SELECT n, CASE WHEN n %% 100 = 0 THEN 'purchase' ELSE 'spend' END AS kind,
                   CASE WHEN n %% 100 = 0 THEN 100 ELSE -1 END AS amount
            FROM generate_series(2, %(entries)s) AS n
        ) one
        """,
        {"account": account.pk, "entries": entries, "lot": lot, "last": last, "apart": seconds_apart},
    )
    newest = Entry.objects.get(account=account, version=entries)
    past(
        "UPDATE credits_account SET version = %s, balance = %s WHERE id = %s",
        [entries, newest.balance_after, account.pk],
    )
    past(
        "UPDATE credits_lot SET remaining = %s, amount = greatest(amount, %s) WHERE id = %s",
        [newest.balance_after, newest.balance_after, lot],
    )


def lot_for(account: Account, days: float, *, age: int = 100, amount: int = 10) -> int:
    """A lot that expires in so many days and came in ``age`` days ago."""
    entry = book(account, amount, expires_at=timezone.now() + timedelta(days=days))
    past("UPDATE credits_lot SET created_at = now() - %s WHERE id = %s", [timedelta(days=age), entry.lots[0]])
    return entry.lots[0]
