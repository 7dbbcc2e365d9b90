"""Find entries of a period over all accounts, without an index on time, which would cost each spend. Ids and times
rise together, except among concurrent writes, so a period is a range of ids, found by binary search.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db.models import Max, Min, QuerySet

from credits.ledger.models import Entry

# How far an entry's time may be from its neighbours': far longer than any transaction.
SLACK = timedelta(days=1)


def entries_between(
    entries: QuerySet[Entry], start: datetime | None, end: datetime | None
) -> QuerySet[Entry]:
    """Return the entries from ``start`` on and before ``end``; None means unbounded."""
    if start is None and end is None:
        return entries
    first, last = id_range(start, end)
    if start is not None:
        entries = entries.filter(pk__gte=first, created_at__gte=start)
    return entries if end is None else entries.filter(pk__lte=last, created_at__lt=end)


def id_range(start: datetime | None, end: datetime | None) -> tuple[int, int]:
    """Return a range of ids with all entries of the period, perhaps among others; if there are none, the last is below
    the first. At most some fifty queries by primary key.
    """
    ids = Entry.objects.aggregate(lowest=Min("pk"), highest=Max("pk"))
    if ids["lowest"] is None:
        return 1, 0
    lowest, highest = ids["lowest"], ids["highest"]
    first = lowest if start is None else _first_at(start - SLACK, lowest, highest)
    last = highest if end is None else _first_at(end + SLACK, lowest, highest) - 1
    return first, last


def _first_at(moment: datetime, lowest: int, highest: int) -> int:
    """Return the first id whose entry is at this moment or later; else one past the last."""
    below, found = lowest, highest + 1
    while below < found:
        middle = (below + found) // 2
        entry = Entry.objects.filter(pk__gte=middle).order_by("pk").values_list("pk", "created_at").first()
        if entry is None or entry[1] >= moment:
            found = middle
        else:
            below = entry[0] + 1
    return found
