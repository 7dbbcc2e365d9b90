"""Put a rate card file into force."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from credits.rates.card_file import CardRow
from credits.rates.changes import is_in_force, put_on_card
from credits.rates.errors import RateCardError, RatesError
from credits.rates.models import Markup, Rate
from credits.rates.selectors import database_now


@dataclass(frozen=True)
class LoadedRow:
    """The result of loading one row: ``created``, ``updated`` (it was planned otherwise) or ``unchanged``."""

    row: Rate | Markup
    outcome: str


@transaction.atomic
def load_card(card: Iterable[CardRow], *, dry_run: bool = False) -> list[LoadedRow]:
    """Make the prices those of the file: all of it, or nothing if one row fails.

    A row without a date is compared with what is in force, and takes effect now if it differs. One with a date is
    compared with the row of that date. What the file lacks stays. Loading the same file again changes nothing.

    Raises:
        RateCardError: a row's date has passed and another price, or none, was in force from it.
    """
    now = database_now()
    loaded = [_load(entry, now) for entry in card]
    if dry_run:
        transaction.set_rollback(True)
    return loaded


def _load(entry: CardRow, now: datetime) -> LoadedRow:
    row = entry.row
    found = _in_the_books(row, entry.effective_from, now)
    if found is not None and _says_the_same(found, row):
        return LoadedRow(found, "unchanged")
    row.effective_from = entry.effective_from or now
    outcome = "created"
    if found is not None and entry.effective_from and not is_in_force(found):
        row.pk, row._state.adding, outcome = found.pk, False, "updated"
    try:
        put_on_card(row)
    except RatesError as error:
        raise RateCardError(f"{entry.where}: {error.message}") from error
    return LoadedRow(row, outcome)


def _in_the_books(row: Rate | Markup, moment: datetime | None, now: datetime) -> Rate | Markup | None:
    names = ("provider", "model", "unit") if isinstance(row, Rate) else ("provider", "model")
    same = type(row)._default_manager.filter(**{name: getattr(row, name) for name in names})
    if moment is not None:
        return same.filter(effective_from=moment).first()
    return same.filter(effective_from__lte=now).order_by("-effective_from").first()


def _says_the_same(one: Rate | Markup, other: Rate | Markup) -> bool:
    if isinstance(one, Rate) and isinstance(other, Rate):
        return (one.price, one.per) == (other.price, other.per)
    return isinstance(one, Markup) and isinstance(other, Markup) and one.percent == other.percent
