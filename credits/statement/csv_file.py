"""Write the statement as CSV."""

from __future__ import annotations

from collections.abc import Iterator
from zoneinfo import ZoneInfo

from core.csv_lines import csv_lines
from credits.formatting import csv_row
from credits.ledger.entries_csv import lots_text
from credits.ledger.models import Entry
from credits.statement.reading import Selection, rows_of

COLUMNS = ["entry", "time", "kind", "amount", "balance_after", "owed", "lots", "reference"]


def csv_of(selection: Selection, zone: ZoneInfo) -> Iterator[str]:
    """Stream the entries, newest first. Amounts are plain decimals with a point; times have the reader's offset."""
    return csv_lines(COLUMNS, ([_row(entry, zone) for entry in batch] for batch in rows_of(selection)))


def _row(entry: Entry, zone: ZoneInfo) -> list[str]:
    time = entry.created_at.astimezone(zone).isoformat()
    amounts = entry.amount, entry.balance_after, entry.owed
    return csv_row((entry.version, time, entry.kind, *amounts, lots_text(entry), entry.reference))
