"""Show Stripe objects in full to staff who may see personal data, masked to all others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from django.contrib.admin import display
from django.http import HttpRequest

from backoffice.display import EMPTY
from billing.stripe.masking import MASK

Column = Callable[[Any], Any]

# Each personal column, with its replacement for those who may not see it.
MASKED: dict[Any, Any] = {}


def may_see_personal_data(request: HttpRequest) -> bool:
    return request.user.has_perm("inbox.view_personal_data")


def personal(column: Column) -> Column:
    """Mark a column as personal: without the permission, it shows only whether there is a value."""

    @display(description=getattr(column, "short_description", None))
    def hidden(row: Any) -> Any:
        return MASK if column(row) != EMPTY else EMPTY

    hidden.__name__ = column.__name__  # the cell's CSS class
    MASKED[column] = hidden
    return column


def seen_by(request: HttpRequest, columns: Sequence[Any]) -> tuple[Any, ...]:
    """Return the columns as this user may see them."""
    if may_see_personal_data(request):
        return tuple(columns)
    return tuple(MASKED.get(column, column) for column in columns)
