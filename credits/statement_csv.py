"""The statement as a file for spreadsheets and programs, written while it is read, however long it is."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from zoneinfo import ZoneInfo

from credits.formatting import plain
from credits.models import Entry
from credits.statement import Selection, rows_of

COLUMNS = ["entry", "time", "kind", "amount", "balance_after", "owed", "lots", "reference"]
# A spreadsheet takes text that begins like this for a formula, and runs it.
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


class _Line:
    """What csv writes to: keeps what is written until it is taken."""

    def __init__(self) -> None:
        self.parts: list[str] = []

    def write(self, text: str) -> None:
        self.parts.append(text)

    def take(self) -> str:
        text = "".join(self.parts)
        self.parts.clear()
        return text


def csv_of(selection: Selection, zone: ZoneInfo) -> Iterator[str]:
    """The selection's entries, the newest first, in pieces. Amounts are decimals with a point and no other sign;
    times have the offset of the reader's zone.
    """
    line = _Line()
    writer = csv.writer(line)
    writer.writerow(COLUMNS)
    yield line.take()
    for batch in rows_of(selection):
        writer.writerows(_row(entry, zone) for entry in batch)
        yield line.take()


def _row(entry: Entry, zone: ZoneInfo) -> list[str]:
    return [
        str(entry.version),
        entry.created_at.astimezone(zone).isoformat(),
        entry.kind,
        plain(entry.amount),
        plain(entry.balance_after),
        plain(entry.owed),
        " ".join(f"{movement.lot_id}:{plain(movement.amount)}" for movement in entry.movements),
        harmless(entry.reference),
    ]


def harmless(text: str) -> str:
    """The text, with an apostrophe in front where a spreadsheet would run it as a formula."""
    return f"'{text}" if text.lstrip(" ").startswith(FORMULA_STARTS) else text
