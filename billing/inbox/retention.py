"""Forgets events that have long been applied, and those that nobody could read. What they did stays; those that failed
stay too, until they are applied.

Should Stripe send a forgotten event again, it is taken for a new one and applied again, which changes nothing: each
effect is keyed by the fact (session, refund, dispute) in the ledger and in the purchase, and not by the event.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterator

from django.conf import settings
from django.utils import timezone

from billing.inbox.selectors import forgettable_events

# Events of one transaction: a tenth of a second, during which a redelivery of one of them waits.
BATCH = 1000
# Of one run of the job, so that it never keeps the worker from the mails for long. It runs every hour.
MOST_OF_A_RUN = 100 * BATCH
MOST_DAYS = 36_500

Progress = Callable[[float], None]


def forget_old_events() -> int:
    """What the job does: as `INBOX_RETENTION_DAYS` says, a bounded number of them. Gives how many."""
    days: int = settings.INBOX_RETENTION_DAYS
    return forget_events(days, most=MOST_OF_A_RUN) if days else 0


def forget_events(days: int, most: int | None = None, report: Progress = lambda share: None) -> int:
    """Forgets the done events that came in more than so many days ago, the oldest first; ``most`` at most.

    Each batch is a transaction of its own: what is forgotten stays forgotten if it is interrupted, and the next run
    goes on. ``report`` is told how much of the time is covered, from 0 to 1. Gives how many were forgotten.

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
    """The moment before which events are forgotten.

    Raises:
        ValueError: less than one day, or more than a hundred years.
    """
    if not 1 <= days <= MOST_DAYS:
        raise ValueError(f"Events can be kept for 1 to {MOST_DAYS:,} days, not {days}.")
    return timezone.now() - datetime.timedelta(days=days)


def _batches(before: datetime.datetime, report: Progress) -> Iterator[list[str]]:
    """The ids of the events to forget. Each batch begins at the time where the last one ended: what was deleted before
    it would have to be read past.
    """
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
