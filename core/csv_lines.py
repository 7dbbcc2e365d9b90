"""Files for spreadsheets and programs, written while they are read, however long they are."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime

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


def csv_lines(columns: Sequence[str], batches: Iterable[Iterable[Sequence[str]]]) -> Iterator[str]:
    """The file in pieces: the columns' names, then each batch of rows as it comes. What people wrote must have gone
    through `harmless`.
    """
    line = _Line()
    writer = csv.writer(line)
    writer.writerow(columns)
    yield line.take()
    for batch in batches:
        writer.writerows(batch)
        yield line.take()


def harmless(text: str) -> str:
    """The text, with an apostrophe in front where a spreadsheet would run it as a formula."""
    return f"'{text}" if text.lstrip(" ").startswith(FORMULA_STARTS) else text


def utc_text(moment: datetime | None) -> str:
    """A time in UTC with its offset, as ISO 8601 has it; empty for none."""
    return moment.astimezone(UTC).isoformat() if moment else ""
