"""Entries of a period, over all accounts. No index has their times: each spend would pay for it. But ids and times rise
together, but for what was under way at once, so a period is a range of ids, which halving finds.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db.models import Max, Min, QuerySet

from credits.ledger.models import Entry

# How far an entry's time may be from those of its neighbours in id: far more than any transaction lasts.
SLACK = timedelta(days=1)


def entries_between(
    entries: QuerySet[Entry], start: datetime | None, end: datetime | None
) -> QuerySet[Entry]:
    """Those from ``start`` on, before ``end``; None is no bound."""
    if start is None and end is None:
        return entries
    first, last = id_range(start, end)
    if start is not None:
        entries = entries.filter(pk__gte=first, created_at__gte=start)
    return entries if end is None else entries.filter(pk__lte=last, created_at__lt=end)


def id_range(start: datetime | None, end: datetime | None) -> tuple[int, int]:
    """Ids between which every entry of the period is; others may be there too. The second is the smaller where there
    is none. Some fifty queries by the primary key at most.
    """
    ids = Entry.objects.aggregate(lowest=Min("pk"), highest=Max("pk"))
    if ids["lowest"] is None:
        return 1, 0
    lowest, highest = ids["lowest"], ids["highest"]
    first = lowest if start is None else _first_at(start - SLACK, lowest, highest)
    last = highest if end is None else _first_at(end + SLACK, lowest, highest) - 1
    return first, last


def _first_at(moment: datetime, lowest: int, highest: int) -> int:
    """The first id whose entry is of this moment or later; one past the last where none is."""
    below, found = lowest, highest + 1
    while below < found:
        middle = (below + found) // 2
        entry = Entry.objects.filter(pk__gte=middle).order_by("pk").values_list("pk", "created_at").first()
        if entry is None or entry[1] >= moment:
            found = middle
        else:
            below = entry[0] + 1
    return found
