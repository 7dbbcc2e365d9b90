"""Stripe's objects as the admin shows them: whole to those who may see personal data, and masked to all others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from django.contrib.admin import display
from django.http import HttpRequest

from backoffice.display import EMPTY
from billing.stripe.masking import MASK

Column = Callable[[Any], Any]

# What stands in a column's place for those who may not see it.
MASKED: dict[Any, Any] = {}


def may_see_personal_data(request: HttpRequest) -> bool:
    return request.user.has_perm("inbox.view_personal_data")


def personal(column: Column) -> Column:
    """A column with something personal: without the permission one sees only whether there is anything."""

    @display(description=getattr(column, "short_description", None))
    def hidden(row: Any) -> Any:
        return MASK if column(row) != EMPTY else EMPTY

    hidden.__name__ = column.__name__  # names the cell's class
    MASKED[column] = hidden
    return column


def seen_by(request: HttpRequest, columns: Sequence[Any]) -> tuple[Any, ...]:
    """The columns as this member of staff may see them."""
    if may_see_personal_data(request):
        return tuple(columns)
    return tuple(MASKED.get(column, column) for column in columns)
