"""Add rates and markups to the card, and withdraw planned ones. The only writer of the card."""

from __future__ import annotations

from datetime import datetime

from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.utils.timezone import is_naive

from credits.rates.errors import InvalidRate, RateInForce
from credits.rates.models import Markup, Rate
from credits.rates.selectors import database_now


@transaction.atomic
def put_on_card(row: Rate | Markup) -> None:
    """Store a new row, or a planned one that was changed.

    Raises:
        InvalidRate: a value is invalid, or its moment has passed.
        RateInForce: it is stored already and in force.
    """
    if row.pk:
        _lock_planned(row)
    refuse_past(row.effective_from)
    try:
        row.full_clean()
    except ValidationError as error:
        raise InvalidRate(_in_words(error), fields=sorted(error.message_dict)) from error
    row.save()


@transaction.atomic
def withdraw(row: Rate | Markup) -> None:
    """Delete a planned row. Raises `RateInForce`."""
    _lock_planned(row)
    row.delete()


def refuse_past(moment: datetime) -> None:
    """Raise `InvalidRate` if the moment has passed: usage priced then would get another price."""
    if is_naive(moment):
        raise ValueError("The time needs a time zone.")
    with connection.cursor() as cursor:
        # The transaction's time, as the trigger sees it: a row in force from "now" has not passed.
        cursor.execute("SELECT now()")
        [now] = cursor.fetchone()
    if moment < now:
        raise InvalidRate("This time has passed. Choose now or later.", field="effective_from")


def is_in_force(row: Rate | Markup) -> bool:
    """Return whether the row is or was in force, and so can't change."""
    moment: datetime = row.effective_from
    return moment <= database_now()


def _lock_planned(row: Rate | Markup) -> None:
    stored = type(row)._default_manager.select_for_update().get(pk=row.pk)
    if is_in_force(stored):
        raise RateInForce(
            "Rates already in force can’t be changed. Add a new one from a later date.",
            id=row.pk,
        )


def _in_words(error: ValidationError) -> str:
    said = [
        reason if name == "__all__" else f"{name}: {reason}"
        for name, reasons in error.message_dict.items()
        for reason in reasons
    ]
    return " ".join(said)
