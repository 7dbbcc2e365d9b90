"""Write CSV files of any length while their rows are read."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from decimal import Decimal

# A spreadsheet takes text with such a start for a formula, and runs it.
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


class _Echo:
    """The file that csv writes to: returns each line."""

    def write(self, line: str) -> str:
        return line


def csv_lines(columns: Iterable[str], batches: Iterable[Iterable[Sequence[str]]]) -> Iterator[str]:
    """Yield the column names, then each batch of rows. Pass users' text through `harmless` first."""
    write_row = csv.writer(_Echo()).writerow
    yield write_row(columns)
    for batch in batches:
        yield "".join(map(write_row, batch))


def as_cells(values: Iterable[object]) -> list[str]:
    """Return values as text: harmless, times in UTC, numbers without an exponent, and nothing for None."""
    return [_as_cell(value) for value in values]


def _as_cell(value: object) -> str:
    if isinstance(value, datetime):
        return utc_text(value)
    if isinstance(value, Decimal):
        return f"{value:f}"
    return "" if value is None else harmless(value) if isinstance(value, str) else str(value)


def harmless(text: str) -> str:
    """Return the text, prefixed with an apostrophe if a spreadsheet would run it as a formula."""
    return f"'{text}" if text.lstrip(" ").startswith(FORMULA_STARTS) else text


def utc_text(moment: datetime | None) -> str:
    """Return a time in UTC with its offset, in ISO 8601; empty for none."""
    return moment.astimezone(UTC).isoformat() if moment else ""
