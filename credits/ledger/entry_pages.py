"""Read an account's entries in pages, newest first, by version: every page is equally fast."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple
from uuid import UUID

from core.database.statements import select
from credits.ledger.models import Entry

# Above every version, for the first page.
NO_END = 2**63 - 1
# Metadata is read as text to keep every digit of its numbers.
ENTRIES = """
    SELECT id, version, kind, amount, balance_after, key, reference, metadata::text, lots, moved, created_at
    FROM credits_entry WHERE account_id = %s AND version < %s
"""
SPENDS = f"{ENTRIES} AND kind = 'spend'"
# The second condition lets PostgreSQL use the index that leaves out spends, which are nearly all entries.
OTHERS = f"{ENTRIES} AND kind = %s AND kind <> 'spend'"
NEWEST_FIRST = " ORDER BY version DESC LIMIT %s"


class EntryRow(NamedTuple):
    """One entry as a page shows it. ``metadata`` is JSON."""

    id: int
    version: int
    kind: str
    amount: Decimal
    balance_after: Decimal
    key: str
    reference: str
    metadata: str
    lots: list[int]
    moved: list[Decimal]
    created_at: datetime.datetime


@dataclass(frozen=True, slots=True)
class EntryPage:
    """``next_before`` is the ``before`` of the next page; None on the last."""

    rows: list[EntryRow]
    next_before: int | None


def page_of_entries(
    account_id: UUID, *, limit: int, before: int | None = None, kind: str | None = None
) -> EntryPage:
    """Return up to ``limit`` entries with a version below ``before``, of one kind or of all. One query by key."""
    until = [account_id, before or NO_END]
    if kind is None:
        rows = select(ENTRIES + NEWEST_FIRST, [*until, limit + 1])
    elif kind == Entry.Kind.SPEND:
        rows = select(SPENDS + NEWEST_FIRST, [*until, limit + 1])
    else:
        rows = select(OTHERS + NEWEST_FIRST, [*until, kind, limit + 1])
    shown = [EntryRow(*row) for row in rows[:limit]]
    return EntryPage(shown, shown[-1].version if len(rows) > limit else None)
