"""Read a catalogue file's ``[[custom_amount]]`` tables. The model validates the values: this only reads them."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django.core.exceptions import ValidationError

from billing.money import Money
from billing.packages.models import CustomAmount
from core.amounts.parsing import NotAnAmount
from core.toml_files import TomlFile

TABLE = "custom_amount"
MONEY = ("minimum", "maximum", "increment")
REQUIRED = {*MONEY, "credits_per_unit"}
OPTIONAL = {"currency", "validity_days", "active"}
# The keys of the file whose columns have another name.
KEYS = {f"{key}_minor": key for key in MONEY} | {"is_active": "active"}


def read_custom_amounts(file: TomlFile, currency: str) -> list[CustomAmount]:
    """Return the tables as unsaved rows, and note the file's mistakes. ``currency`` is that of tables without one."""
    tables = file.data.get(TABLE, [])
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        file.note_mistake(file.line_of(TABLE), f"{TABLE} is not a [[{TABLE}]] table")
        return []
    rows = [_Table(file, index, table).read(currency) for index, table in enumerate(tables)]
    first: dict[str, int] = {}
    for index, row in enumerate(rows):
        line = file.line_of("currency", TABLE, index)
        if row.currency in first:
            reason = f"currency {row.currency!r} already has a [[{TABLE}]] on line {first[row.currency]}"
            file.note_mistake(line, reason)
        first.setdefault(row.currency, file.line_of("", TABLE, index))
    return rows


class _Table:
    """Reads one table."""

    def __init__(self, file: TomlFile, index: int, table: dict[str, Any]) -> None:
        self.file, self.index, self.table = file, index, table

    def read(self, currency: str) -> CustomAmount:
        before = len(self.file.mistakes)
        for key in sorted(self.table.keys() - REQUIRED - OPTIONAL):
            self._wrong(key, "unknown key")
        for key in sorted(REQUIRED - self.table.keys()):
            self._wrong("", f"{key!r} is missing")
        row = CustomAmount(
            currency=self._text("currency", currency).lower(),
            credits_per_unit=self._number("credits_per_unit"),
            validity_days=self._days(),
            is_active=self._flag("active"),
        )
        for key in MONEY:
            setattr(row, f"{key}_minor", self._minor(key, row.currency))
        if len(self.file.mistakes) == before:
            self._check(row)
        return row

    def _check(self, row: CustomAmount) -> None:
        try:
            row.clean_fields()
            row.clean()
        except ValidationError as error:
            for field, reasons in error.message_dict.items():
                for reason in reasons:
                    self._wrong(KEYS.get(field, field), reason)

    def _minor(self, key: str, currency: str) -> int:
        try:
            return Money.from_major(self._number(key), currency).minor
        except ValueError as error:
            self._wrong(key, str(error))
        return 0

    def _number(self, key: str) -> Decimal:
        value = self.table.get(key, 1)
        try:
            return self.file.read_number(value, self._line_of(key))
        except NotAnAmount:
            self._wrong(key, f'{value!r} is not an amount such as "10.00"')
        return Decimal(1)

    def _text(self, key: str, default: str) -> str:
        value = self.table.get(key, default)
        if not isinstance(value, str):
            self._wrong(key, f"{value!r} is not text")
            return default
        return value

    def _days(self) -> int | None:
        value = self.table.get("validity_days")
        if value is None or (type(value) is int and self._number("validity_days") == value):
            return value
        self._wrong("validity_days", f"{value!r} is not a number of days")
        return None

    def _flag(self, key: str) -> bool:
        value = self.table.get(key, True)
        if not isinstance(value, bool):
            self._wrong(key, f"{value!r} is not true or false")
        return bool(value)

    def _line_of(self, key: str) -> int:
        return self.file.line_of(key, TABLE, self.index)

    def _wrong(self, key: str, reason: str) -> None:
        self.file.note_mistake(self._line_of(key), f"{key}: {reason}" if key else reason)
