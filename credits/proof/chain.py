"""Compute the head of the ledger's seals: one line to keep elsewhere, to check the whole history against later.

Each entry's hash seals it and the account's entry before it, so an account's last hash seals its whole past. Whoever
can bypass the guards can still rewrite a whole account, every seal included. A head kept out of their reach reveals
that: it is a digest over the last hash of every account at one moment.

A moment, not an entry's id, because accounts may live on several servers, whose ids aren't ordered. Entries carry the
time at which their account was locked, so once all accounts are locked, no entry can appear before that moment.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import UTC, datetime

from django.db import connection, transaction

from core.database.replica.routing import reading_connection, reading_place

# Spends queue behind a waiting lock: better no head than a queue.
LONGEST_WAIT = "2s"
MOMENT = "%Y%m%dT%H%M%S.%fZ"

LAST_ENTRIES = """
    SELECT account.id, last.version, last.hash
    FROM credits_account account
    CROSS JOIN LATERAL (
        SELECT version, hash FROM credits_entry e
        WHERE e.account_id = account.id AND e.created_at < %s
        ORDER BY version DESC LIMIT 1
    ) last
    ORDER BY account.id
"""


@dataclass(frozen=True)
class Head:
    """All entries from before a moment; the SHA-256 over account, version and hash of each account's last of them."""

    at: datetime
    digest: str

    def __str__(self) -> str:
        return f"{self.at.astimezone(UTC):{MOMENT}}:{self.digest}"


def parse_head(text: str) -> Head:
    """Parse a head that ``str`` wrote.

    Raises:
        ValueError: it isn't one.
    """
    found = re.fullmatch(r"([0-9]{8}T[0-9]{6}[.][0-9]{6}Z):([0-9a-f]{64})", text.strip())
    try:
        if found:
            return Head(datetime.strptime(found[1], MOMENT).replace(tzinfo=UTC), found[2])
    except ValueError:
        pass  # a thirteenth month
    raise ValueError("A head looks like 20260131T235959.000000Z:abcdef…, with 64 digits after the colon.")


def take_head() -> Head:
    """Return the ledger's current head.

    Raises:
        OperationalError: entries were written so constantly that the lock wasn't available for two seconds.
    """
    return head_at(_decided_moment())


def head_at(moment: datetime) -> Head:
    """Return the head at that moment. It never changes unless somebody changes the past."""
    digest = hashlib.sha256()
    with transaction.atomic(using=reading_place()), reading_connection().chunked_cursor() as cursor:
        cursor.execute(LAST_ENTRIES, [moment])
        for account_id, version, seal in cursor:
            digest.update(f"{account_id}|{version}|{bytes(seal).hex()}\n".encode())
    return Head(moment, digest.hexdigest())


def _decided_moment() -> datetime:
    """Return a moment before which nothing can be added any more: now."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL lock_timeout = '{LONGEST_WAIT}'")
        # Who writes an entry locks the account, then looks at the clock, and commits later. Behind this lock nobody is
        # in between: each entry from before is there, and each that comes is later.
        cursor.execute("LOCK TABLE credits_account IN EXCLUSIVE MODE")
        cursor.execute("SELECT clock_timestamp()")
        moment: datetime = cursor.fetchone()[0]
    return moment
