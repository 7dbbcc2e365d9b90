"""Read a rate card file (TOML), and report each mistake with its line.

A file has a ``[[rate]]`` table for each price and may have ``[[markup]]`` tables; `credits/rates/cards/demo.toml`
shows the keys. The models validate the values: this only reads them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from django.core.exceptions import ValidationError

from core.amounts.parsing import NotAnAmount
from core.toml_files import TomlFile
from credits.rates.errors import RateCardError
from credits.rates.models import Markup, Rate

REQUIRED = {"rate": {"provider", "model", "unit", "price"}, "markup": {"percent"}}
OPTIONAL = {"rate": {"per", "effective_from"}, "markup": {"provider", "model", "effective_from"}}
# The keys that two tables of the same thing share.
KEYS = {"rate": ("provider", "model", "unit"), "markup": ("provider", "model")}
NOTHING = "none"


@dataclass(frozen=True)
class CardRow:
    """One table of the file, as an unsaved row. Without an ``effective_from`` it takes effect now."""

    where: str
    row: Rate | Markup
    effective_from: datetime | None


def read_card(path: Path) -> list[CardRow]:
    """Return every row of the file, in order.

    Raises:
        RateCardError: the file can't be read or has mistakes; the message has one line for each.
    """
    return _Reader(TomlFile(path, RateCardError)).read()


class _Reader:
    """Collects the rows of one file."""

    def __init__(self, file: TomlFile) -> None:
        self.file = file
        self.seen: dict[tuple[Any, ...], int] = {}

    def read(self) -> list[CardRow]:
        data = self.file.data
        for key in sorted(data.keys() - REQUIRED.keys()):
            self.file.note_mistake(
                self.file.line_of(key), f"unknown key {key!r}; use [[rate]] and [[markup]]"
            )
        rows = [row for kind in REQUIRED for row in self._rows(kind, data.get(kind, []))]
        if not rows and not self.file.mistakes:
            self.file.note_mistake(1, "no [[rate]] and no [[markup]] in this file")
        self.file.raise_mistakes()
        return rows

    def _rows(self, kind: str, tables: object) -> Iterator[CardRow]:
        if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
            self.file.note_mistake(self.file.line_of(kind), f"{kind} is not a [[{kind}]] table")
            return
        for index, table in enumerate(tables):
            row = _Table(self, kind, index, table).read()
            if row is not None:
                yield row


class _Table:
    """Reads one table."""

    def __init__(self, reader: _Reader, kind: str, index: int, table: dict[str, Any]) -> None:
        self.reader, self.kind, self.index, self.table = reader, kind, index, table
        self.line = self._line_of("")

    def read(self) -> CardRow | None:
        before = len(self.reader.file.mistakes)
        known = REQUIRED[self.kind] | OPTIONAL[self.kind]
        for key in sorted(self.table.keys() - known):
            self._wrong(key, "unknown key")
        for key in sorted(REQUIRED[self.kind] - self.table.keys()):
            self._wrong("", f"{key!r} is missing")
        moment = self._moment()
        row = self._row(moment)
        if len(self.reader.file.mistakes) == before:
            self._check(row)
            self._refuse_second(moment)
        where = f"{self.reader.file.name}, line {self.line}"
        return CardRow(where, row, moment) if len(self.reader.file.mistakes) == before else None

    def _row(self, moment: datetime | None) -> Rate | Markup:
        names = {name: self._text(name) for name in KEYS[self.kind]}
        if self.kind == "markup":
            return Markup(**names, percent=self._number("percent"), effective_from=moment)
        return Rate(**names, price=self._number("price"), per=self._count("per"), effective_from=moment)

    def _text(self, key: str) -> str:
        value = self.table.get(key, "")
        if not isinstance(value, str):
            self._wrong(key, f"{value!r} is not text")
        return str(value)

    def _number(self, key: str) -> Decimal | None:
        """Read a price or percentage, quoted or not; "none" takes it off the card."""
        value = self.table.get(key, NOTHING)
        if value == NOTHING:
            return None
        try:
            return self._read(key, value)
        except NotAnAmount:
            self._wrong(key, f'{value!r} is not a number such as "1.25", nor "{NOTHING}"')
        return None

    def _count(self, key: str) -> int:
        value = self.table.get(key, 1)
        try:
            if type(value) is int:
                return int(self._read(key, value))
        except NotAnAmount:
            pass
        self._wrong(key, f"{value!r} is not a whole number in plain digits")
        return 1

    def _read(self, key: str, value: object) -> Decimal:
        return self.reader.file.read_number(value, self._line_of(key))

    def _moment(self) -> datetime | None:
        value = self.table.get("effective_from")
        if value is None:
            return None
        if not isinstance(value, datetime) or value.tzinfo is None:
            self._wrong(
                "effective_from", f"{value} is not a time with its zone, such as 2027-01-01T00:00:00Z"
            )
            return None
        return value

    def _check(self, row: Rate | Markup) -> None:
        try:
            row.clean_fields(exclude=["effective_from"])
            row.validate_constraints(exclude=["effective_from"])
        except ValidationError as error:
            for field, reasons in error.message_dict.items():
                for reason in reasons:
                    self._wrong("" if field == "__all__" else field, reason)

    def _refuse_second(self, moment: datetime | None) -> None:
        key = (self.kind, *(self.table.get(name, "") for name in KEYS[self.kind]), moment)
        if key in self.reader.seen:
            self._wrong("", f"is already set on line {self.reader.seen[key]}")
        self.reader.seen.setdefault(key, self.line)

    def _line_of(self, key: str) -> int:
        return self.reader.file.line_of(key, self.kind, self.index)

    def _wrong(self, key: str, reason: str) -> None:
        shown = f"{key}: {reason}" if key else reason
        self.reader.file.note_mistake(self._line_of(key), shown)
