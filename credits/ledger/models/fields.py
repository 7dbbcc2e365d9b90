"""Define the type of amounts."""

from __future__ import annotations

from django.db import models

from credits.amounts import MAX_DIGITS, PLACES


class AmountField(models.DecimalField):  # type: ignore[type-arg]  # django-stubs types it by its values
    """An amount of credits: NUMERIC with six places, a `Decimal` in Python, never a float."""

    def __init__(self, *args: object, **kwargs: object) -> None:
        kwargs.setdefault("max_digits", MAX_DIGITS)
        kwargs.setdefault("decimal_places", PLACES)
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]  # passed through as given
