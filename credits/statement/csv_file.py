"""Write the statement as CSV."""

from __future__ import annotations

from collections.abc import Iterator
from zoneinfo import ZoneInfo

from core.csv_lines import csv_lines, harmless
from credits.formatting import plain
from credits.ledger.entries_csv import lots_text
from credits.ledger.models import Entry
from credits.statement.reading import Selection, rows_of

COLUMNS = ["entry", "time", "kind", "amount", "balance_after", "owed", "lots", "reference"]


def csv_of(selection: Selection, zone: ZoneInfo) -> Iterator[str]:
    """Stream the entries, newest first. Amounts are plain decimals with a point; times have the reader's offset."""
    return csv_lines(COLUMNS, ([_row(entry, zone) for entry in batch] for batch in rows_of(selection)))


def _row(entry: Entry, zone: ZoneInfo) -> list[str]:
    return [
        str(entry.version),
        entry.created_at.astimezone(zone).isoformat(),
        entry.kind,
        plain(entry.amount),
        plain(entry.balance_after),
        plain(entry.owed),
        lots_text(entry),
        harmless(entry.reference),
    ]
