"""Read all rows of a query, some thousands at a time, for files of any length.

Each batch is a short query of its own that starts after the last row before it. So no transaction or cursor stays open
during a download, which a pooler in transaction mode couldn't keep, and memory doesn't grow with the rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import TypeVar

from django.db.models import Model, QuerySet

from core.database.keyset import behind
from core.database.replica.reading import again_on_primary

M = TypeVar("M", bound=Model)
ROWS_AT_ONCE = 2000


def in_row_batches(rows: QuerySet[M], order: Sequence[str], size: int = ROWS_AT_ONCE) -> Iterator[list[M]]:
    """Yield the rows in an indexed order, whose columns are all ascending or all descending, not null, unique together.

    Rows added meanwhile may be included; none is repeated. A replica that fails meanwhile is replaced by the primary.
    """
    rows = rows.order_by(*order)
    batch = again_on_primary(lambda: list(rows[:size]))
    while batch:
        yield batch
        if len(batch) < size:
            return
        last = [getattr(batch[-1], column.removeprefix("-")) for column in order]
        following = rows.filter(behind(list(order), last))[:size]
        batch = again_on_primary(partial(list, following))
