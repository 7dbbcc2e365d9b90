"""The head of the ledger's chain: one line to keep elsewhere, against which the whole history can be held later.

Each entry's hash seals it and the account's entry before it, so an account's last hash seals its whole past. Whoever
can write past the guards can still write a whole account anew, every seal included. A head that was kept where they
can't reach gives that away: it is a digest over the last hash of every account up to one entry.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

from django.db import connection, transaction

# Spends wait while the lock is waited for: rather no head than a queue.
LONGEST_WAIT = "2s"

LAST_ENTRIES = """
    SELECT account.id, last.version, last.hash
    FROM credits_account account
    CROSS JOIN LATERAL (
        SELECT version, hash FROM credits_entry
        WHERE account_id = account.id AND id <= %s
        ORDER BY version DESC LIMIT 1
    ) last
    ORDER BY account.id
"""


@dataclass(frozen=True)
class Head:
    """All entries up to ``entry_id``, and the SHA-256 over account, version and hash of each account's last of them."""

    entry_id: int
    digest: str

    def __str__(self) -> str:
        return f"{self.entry_id}:{self.digest}"


def parse_head(text: str) -> Head:
    """The head that ``str`` of one wrote.

    Raises:
        ValueError: it is none.
    """
    found = re.fullmatch(r"([0-9]{1,19}):([0-9a-f]{64})", text.strip())
    if found is None:
        raise ValueError("A head looks like 12345:abcdef…, with 64 digits after the colon.")
    return Head(int(found[1]), found[2])


def take_head() -> Head:
    """The head of the ledger now.

    Raises:
        OperationalError: entries were being written all the time, so that none was the last for two seconds.
    """
    return head_at(_last_decided_entry())


def head_at(entry_id: int) -> Head:
    """The head up to that entry. The same for ever, unless somebody changes the past."""
    digest = hashlib.sha256()
    with transaction.atomic(), connection.chunked_cursor() as cursor:
        cursor.execute(LAST_ENTRIES, [entry_id])
        for account_id, version, seal in cursor:
            digest.update(f"{account_id}|{version}|{bytes(seal).hex()}\n".encode())
    return Head(entry_id, digest.hexdigest())


def _last_decided_entry() -> int:
    """The newest entry below which nothing can be added any more."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL lock_timeout = '{LONGEST_WAIT}'")
        # Ids are drawn before their transactions commit. Behind this lock no insert is at work, so each id up to the
        # largest is there or never will be.
        cursor.execute("LOCK TABLE credits_entry IN SHARE MODE")
        cursor.execute("SELECT coalesce(max(id), 0) FROM credits_entry")
        last: int = cursor.fetchone()[0]
    return last
