"""Delete old events that were applied or are unreadable. Their effects stay, and so do failed events.

A redelivery of a deleted event is applied again, which changes nothing: effects are keyed in the ledger and the
purchase by the session, refund or dispute, not by the event.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterator

from django.conf import settings
from django.utils import timezone

from billing.inbox.selectors import forgettable_events

# Events per transaction: a tenth of a second, during which redeliveries of them wait.
BATCH = 1000
# Events per hourly run of the job, so that it never blocks the worker for long.
MOST_OF_A_RUN = 100 * BATCH
MOST_DAYS = 36_500

Progress = Callable[[float], None]


def forget_old_events() -> int:
    """Delete events older than `INBOX_RETENTION_DAYS`, a bounded number per run, and return how many."""
    days: int = settings.INBOX_RETENTION_DAYS
    return forget_events(days, most=MOST_OF_A_RUN) if days else 0


def forget_events(days: int, most: int | None = None, report: Progress = lambda share: None) -> int:
    """Delete finished events received more than ``days`` days ago, oldest first; return how many.

    It stops after the batch that reaches ``most``. Each batch commits on its own, so an interrupted run can be resumed.
    ``report`` is called with the share of the time covered, from 0 to 1.

    Raises:
        ValueError: as `days_ago` does.
    """
    before = days_ago(days)
    forgotten = 0
    for batch in _batches(before, report):
        forgotten += forgettable_events(before).filter(pk__in=batch).delete()[0]
        if most is not None and forgotten >= most:
            break
    return forgotten


def days_ago(days: int) -> datetime.datetime:
    """Return the time before which events are deleted.

    Raises:
        ValueError: less than one day, or more than a hundred years.
    """
    if not 1 <= days <= MOST_DAYS:
        raise ValueError(f"Events can be kept for 1 to {MOST_DAYS:,} days, not {days}.")
    return timezone.now() - datetime.timedelta(days=days)


def _batches(before: datetime.datetime, report: Progress) -> Iterator[list[str]]:
    """Yield batches of ids to delete, each from the last one's end time, so as not to scan past deleted rows."""
    first = place = None
    while rows := _oldest(before, place):
        place = rows[-1][1]
        first = first or rows[0][1]
        yield [key for key, _received in rows]
        report((place - first) / (before - first))
    report(1)


def _oldest(
    before: datetime.datetime, place: datetime.datetime | None
) -> list[tuple[str, datetime.datetime]]:
    events = forgettable_events(before)
    if place is not None:
        events = events.filter(received_at__gte=place)
    return list(events.order_by("received_at", "id").values_list("id", "received_at")[:BATCH])
