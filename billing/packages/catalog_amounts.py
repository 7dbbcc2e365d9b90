"""Read a catalogue file's ``[[custom_amount]]`` tables. The model validates the values: this only reads them."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import Model

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
    rows = [Table(file, index, table).read(currency) for index, table in enumerate(tables)]
    first: dict[str, int] = {}
    for index, row in enumerate(rows):
        line = file.line_of("currency", TABLE, index)
        if row.currency in first:
            reason = f"currency {row.currency!r} already has a [[{TABLE}]] on line {first[row.currency]}"
            file.note_mistake(line, reason)
        first.setdefault(row.currency, file.line_of("", TABLE, index))
    return rows


class Table:
    """Reads one table into an unsaved row, which validates itself."""

    name = TABLE
    required = REQUIRED
    optional = OPTIONAL
    # The keys whose columns have another name.
    keys = KEYS

    def __init__(self, file: TomlFile, index: int, table: dict[str, Any]) -> None:
        self.file, self.index, self.table = file, index, table

    def read(self, currency: str) -> CustomAmount:
        before = len(self.file.mistakes)
        self.check_keys()
        row = CustomAmount(
            currency=self._text("currency", currency).lower(),
            credits_per_unit=self._number("credits_per_unit"),
            validity_days=self._whole("validity_days", "days"),
            is_active=self._flag("active"),
        )
        for key in MONEY:
            setattr(row, f"{key}_minor", self._minor(key, row.currency))
        if len(self.file.mistakes) == before:
            self.check(row)
        return row

    def check_keys(self) -> None:
        """Note unknown and missing keys."""
        for key in sorted(self.table.keys() - self.required - self.optional):
            self._wrong(key, "unknown key")
        for key in sorted(self.required - self.table.keys()):
            self._wrong("", f"{key!r} is missing")

    def check(self, row: Model) -> None:
        """Note what the row itself finds wrong."""
        try:
            row.clean_fields()
            row.clean()
        except ValidationError as error:
            for field, reasons in error.message_dict.items():
                for reason in reasons:
                    self._wrong(self.keys.get(field, field), reason)

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

    def _whole(self, key: str, of: str) -> int | None:
        value = self.table.get(key)
        if value is None or (type(value) is int and self._number(key) == value):
            return value
        self._wrong(key, f"{value!r} is not a number of {of}")
        return None

    def _flag(self, key: str) -> bool:
        value = self.table.get(key, True)
        if not isinstance(value, bool):
            self._wrong(key, f"{value!r} is not true or false")
        return bool(value)

    def _line_of(self, key: str) -> int:
        return self.file.line_of(key, self.name, self.index)

    def _wrong(self, key: str, reason: str) -> None:
        self.file.note_mistake(self._line_of(key), f"{key}: {reason}" if key else reason)
