"""All rows of a query, some thousands at a time, for files that have no end.

Each batch is a short query of its own that begins behind the last row of the one before. So no transaction and no
cursor stays open while somebody downloads, which a pooler in transaction mode could not keep, and what is held at once
doesn't depend on how many rows there are.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeVar

from django.db.models import Model, QuerySet

from core.database.keyset import behind

M = TypeVar("M", bound=Model)
ROWS_AT_ONCE = 2000


def in_row_batches(rows: QuerySet[M], order: Sequence[str], size: int = ROWS_AT_ONCE) -> Iterator[list[M]]:
    """The rows in an order that an index has. All its columns run the same way, none is null, and together they tell
    rows apart. Rows that come meanwhile may be in it or not; none comes twice.
    """
    rows = rows.order_by(*order)
    batch = list(rows[:size])
    while batch:
        yield batch
        if len(batch) < size:
            return
        last = [getattr(batch[-1], column.removeprefix("-")) for column in order]
        batch = list(rows.filter(behind(list(order), last))[:size])
