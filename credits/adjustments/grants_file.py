"""Read a file of grants (CSV) line by line, and report each mistake with its line and field.

The columns are ``amount``, ``key``, ``reason``, and ``account`` (its id) or ``email`` or both; ``reference``,
``expires_at`` and ``promotional`` are optional. Only one line is in memory at a time.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from core.amounts.parsing import NotAnAmount, parse_amount
from core.storable_text import is_storable
from credits.adjustments.adjusting import Terms, checked
from credits.errors import GrantsFileError, InvalidAdjustment, InvalidEntry

REQUIRED = {"amount", "key", "reason"}
HOLDER = {"account", "email"}
OPTIONAL = {"reference", "expires_at", "promotional"}
FLAGS = {"": False, "no": False, "false": False, "0": False, "yes": True, "true": True, "1": True}
NO_TERMS = Terms(amount=Decimal(0), reason="", key="")


@dataclass(frozen=True)
class Mistake:
    """A mistake in a field, or without a ``field`` in the whole line."""

    field: str
    reason: str

    def __str__(self) -> str:
        return f"{self.field}: {self.reason}" if self.field else self.reason


@dataclass(frozen=True)
class GrantLine:
    """One line: a recipient (account or email) and the terms. If it has ``mistakes``, ignore the rest."""

    number: int
    account_id: UUID | None = None
    email: str = ""
    terms: Terms = NO_TERMS
    mistakes: Sequence[Mistake] = ()


def read_grants(file: Iterable[str]) -> Iterator[GrantLine]:
    """Yield every non-empty line of the file.

    Raises:
        GrantsFileError: the header is missing or wrong, or the file stops being CSV at some line.
    """
    rows = csv.reader(file, strict=True)
    try:
        header = next(rows, [])
        columns = _checked_header([name.strip() for name in header])
        end = rows.line_num
        for row in rows:
            # A quoted field may span several lines; its line is the one it begins on.
            number, end = end + 1, rows.line_num
            if row:
                yield _read(number, columns, row)
    except csv.Error as error:
        raise GrantsFileError(f"line {rows.line_num}: not valid CSV: {error}", line=rows.line_num) from error


def _checked_header(columns: list[str]) -> list[str]:
    mistakes = [f"{name!r} is missing" for name in sorted(REQUIRED - {*columns})]
    if not HOLDER & {*columns}:
        mistakes.append("'account' or 'email' is missing")
    unknown = {*columns} - REQUIRED - HOLDER - OPTIONAL
    mistakes += [f"unknown column {name!r}" for name in sorted(unknown)]
    mistakes += [f"column {name!r} appears twice" for name in sorted({*columns}) if columns.count(name) > 1]
    if mistakes:
        raise GrantsFileError("line 1: " + "; ".join(mistakes), line=1)
    return columns


def _read(number: int, columns: list[str], row: list[str]) -> GrantLine:
    if len(row) != len(columns):
        counted = Mistake("", f"it has {len(row)} fields, but the header has {len(columns)}")
        return GrantLine(number, mistakes=[counted])
    fields = _Fields(dict(zip(columns, row, strict=True)))
    account_id, email = fields.holder()
    terms = fields.terms()
    if fields.mistakes:
        return GrantLine(number, mistakes=fields.mistakes)
    return GrantLine(number, account_id, email, terms)


class _Fields:
    """Reads the fields of one line. A wrong one is noted and replaced by a harmless value, so reading continues."""

    def __init__(self, fields: dict[str, str]) -> None:
        self.fields = fields
        self.mistakes: list[Mistake] = []

    def holder(self) -> tuple[UUID | None, str]:
        account, email = self._text("account"), self._text("email")
        if bool(account) == bool(email):
            self._wrong(
                "account" if "account" in self.fields else "email", "an account ID or email is required"
            )
        elif account:
            try:
                return UUID(account), ""
            except ValueError:
                self._wrong("account", f"{account!r} is not an account ID")
        elif not is_storable(email):
            self._wrong("email", "it contains characters that can't be stored")
        return None, email

    def terms(self) -> Terms:
        """Return the terms, checked against the rules if they could be parsed."""
        before = len(self.mistakes)
        terms = Terms(
            amount=self._amount(),
            reason=self._text("reason"),
            key=self._text("key"),
            reference=self._text("reference"),
            promotional=self._flag(),
            expires_at=self._moment(),
        )
        if len(self.mistakes) == before:
            try:
                return checked(terms)
            except (InvalidEntry, InvalidAdjustment) as error:
                self._wrong(error.params.get("field", "amount"), error.message)
        return terms

    def _amount(self) -> Decimal:
        text = self.fields.get("amount", "")
        try:
            amount = parse_amount(text, signed=True)
        except NotAnAmount:
            self._wrong("amount", f"{text!r} is not a number in plain digits, such as 2.5")
            return Decimal(1)
        if amount <= 0:
            self._wrong("amount", f"{text} is not above zero: this file only adds credits")
        return amount

    def _flag(self) -> bool:
        text = self._text("promotional").lower()
        if text not in FLAGS:
            self._wrong("promotional", f"{text!r} is neither yes nor no")
        return FLAGS.get(text, False)

    def _moment(self) -> datetime | None:
        text = self._text("expires_at")
        if not text:
            return None
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            moment = None
        if moment is None or moment.tzinfo is None:
            self._wrong("expires_at", f"{text!r} is not a time with its zone, such as 2027-01-01T00:00:00Z")
            return None
        return moment

    def _text(self, name: str) -> str:
        return self.fields.get(name, "").strip()

    def _wrong(self, field: str, reason: str) -> None:
        self.mistakes.append(Mistake(field, reason))
