"""Files for spreadsheets and programs, written while they are read, however long they are."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

# A spreadsheet takes text that begins like this for a formula, and runs it.
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
ROWS_AT_ONCE = 500


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


def in_batches(rows: Iterable[Sequence[str]]) -> Iterator[list[Sequence[str]]]:
    """Some hundreds at a time: a piece of a file is worth sending when it has some length."""
    remaining = iter(rows)
    while batch := list(islice(remaining, ROWS_AT_ONCE)):
        yield batch


def harmless(text: str) -> str:
    """The text, with an apostrophe in front where a spreadsheet would run it as a formula."""
    return f"'{text}" if text.lstrip(" ").startswith(FORMULA_STARTS) else text
