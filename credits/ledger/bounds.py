"""Keep sums within an amount's bound: an account's balance and debt, and what was captured of a hold.

The columns' precision enforces it. Only additions to these sums can exceed it; a spend, a hold or a release can't.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from django.db import DataError

from core.database.statements import Row, call_undoably
from credits.amounts import LARGEST
from credits.errors import SumTooLarge

# numeric_value_out_of_range: https://www.postgresql.org/docs/current/errcodes-appendix.html
OUT_OF_RANGE = "22003"
BOUND = "10^18"


def call_within_bounds(statement: str, arguments: Sequence[Any], **subject: object) -> list[Row]:
    """Return the rows of a statement that adds to sums. ``subject`` names their account or hold.

    Raises:
        SumTooLarge: nothing was booked, and an open transaction continues.
    """
    try:
        return call_undoably(statement, arguments)
    except DataError as error:
        if getattr(error.__cause__, "sqlstate", None) != OUT_OF_RANGE:
            raise
        raise sum_too_large(**subject) from error


def is_within_bounds(total: Decimal) -> bool:
    return abs(total) <= LARGEST


def sum_too_large(**subject: object) -> SumTooLarge:
    return SumTooLarge(
        f"Balance, debt and captures of a hold must each stay below {BOUND} credits; this would exceed that. "
        "Nothing was changed.",
        **{name: str(one) for name, one in subject.items()},
    )
