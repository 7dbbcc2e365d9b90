"""Entries of a period. Times are not what entries are ordered by, and the one index on them is small and coarse (BRIN):
it finds a period's stretch of the table, in no order. So a period becomes a range of ids first, in which a reader goes
on by id as ever.
"""

from __future__ import annotations

from datetime import datetime

from django.db import connection
from django.db.models import QuerySet

from credits.models import Entry

# The sub-select keeps PostgreSQL from walking along the ids instead, from the first on, until one has such a time.
ID_RANGE = """
    SELECT min(id), max(id) FROM (
        SELECT id FROM credits_entry
        WHERE created_at >= coalesce(%s, '-infinity'::timestamptz)
              AND created_at < coalesce(%s, 'infinity'::timestamptz)
        OFFSET 0
    ) of_period
"""


def entries_between(
    entries: QuerySet[Entry], start: datetime | None, end: datetime | None
) -> QuerySet[Entry]:
    """Those from ``start`` on, before ``end``; None is no bound."""
    if start is None and end is None:
        return entries
    first, last = id_range(start, end)
    if first is None:
        return entries.none()
    if start is not None:
        entries = entries.filter(pk__gte=first, created_at__gte=start)
    return entries if end is None else entries.filter(pk__lte=last, created_at__lt=end)


def id_range(start: datetime | None, end: datetime | None) -> tuple[int, int] | tuple[None, None]:
    """The first and the last id of a period; entries of other times may stand between them. (None, None): none is."""
    with connection.cursor() as cursor:
        cursor.execute(ID_RANGE, [start, end])
        found: tuple[int, int] | tuple[None, None] = cursor.fetchone()
    return found
