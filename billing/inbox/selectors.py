"""Query the inbox: events received, their outcomes, and those still to be applied.

Covering indexes (`InboxEvent.Meta`) make the cost depend on the window's length or the number waiting, not on how many
events are kept.
"""

from __future__ import annotations

import datetime
from collections import Counter
from dataclasses import dataclass, field

from django.conf import settings
from django.db.models import Count, Q, QuerySet
from django.db.models.functions import TruncHour
from django.utils import timezone

from billing.inbox.models import InboxEvent
from billing.purchases.models import Purchase
from core.database.distinct import distinct_values
from core.uuids import as_uuid

HOUR = datetime.timedelta(hours=1)
# The number of latest events whose API version is checked; after a fix of the endpoint, others soon drop out.
NEWEST = 100


@dataclass(frozen=True)
class Hour:
    """The events received within an hour, counted by current status."""

    start: datetime.datetime
    events: Counter[str] = field(default_factory=Counter)

    @property
    def total(self) -> int:
        return self.events.total()

    @property
    def not_applied(self) -> int:
        return sum(self.events[status] for status in InboxEvent.NOT_APPLIED)


@dataclass(frozen=True)
class Traffic:
    """The hours of a window, oldest first. The last one isn't over."""

    hours: list[Hour]

    @property
    def start(self) -> datetime.datetime:
        return self.hours[0].start

    @property
    def events(self) -> Counter[str]:
        return sum((hour.events for hour in self.hours), Counter())

    @property
    def total(self) -> int:
        return self.events.total()

    @property
    def newest_first(self) -> list[Hour]:
        return self.hours[::-1]

    @property
    def busiest(self) -> Hour:
        return max(self.hours, key=lambda hour: hour.total)

    def share(self, *statuses: str) -> float | None:
        """Return the share of events in these statuses, from 0 to 1; None if there are no events."""
        events = self.events
        return sum(events[status] for status in statuses) / events.total() if events else None


def traffic(hours: int, now: datetime.datetime | None = None) -> Traffic:
    """Return the traffic of the last ``hours`` hours, including the current one, with one query."""
    last = (now or timezone.now()).astimezone(datetime.UTC).replace(minute=0, second=0, microsecond=0)
    starts = [last - HOUR * back for back in reversed(range(hours))]
    found = (
        InboxEvent.objects.filter(received_at__gte=starts[0], received_at__lt=last + HOUR)
        .order_by()
        .values_list(TruncHour("received_at", tzinfo=datetime.UTC), "status")
        .annotate(number=Count("*"))
    )
    counted: dict[datetime.datetime, Counter[str]] = {start: Counter() for start in starts}
    for start, status, number in found:
        counted[start][status] = number
    return Traffic([Hour(start, events) for start, events in counted.items()])


def failures_by_type() -> list[tuple[str, int]]:
    """Count all failed or unreadable events by type, most first, with one query."""
    failed = InboxEvent.objects.filter(status__in=InboxEvent.FAILING).order_by()
    return list(
        failed.values("type")
        .annotate(number=Count("*"))
        .order_by("-number", "type")
        .values_list("type", "number")
    )


def oldest_not_applied() -> InboxEvent | None:
    """Return the oldest event that isn't applied, without its payload, with one query."""
    waiting = InboxEvent.objects.filter(status__in=InboxEvent.NOT_APPLIED)
    return waiting.defer("payload").order_by("received_at", "id").first()


def newest_in_another_version() -> tuple[int, str]:
    """Return how many of the newest events have another API version, whose fields may differ, and which. One query."""
    newest = InboxEvent.objects.exclude(api_version="").order_by("-received_at", "-id")
    versions = newest.values_list("api_version", flat=True)[:NEWEST]
    others = [version for version in versions if version != settings.STRIPE_API_VERSION]
    return len(others), others[0] if others else ""


def types_seen() -> list[str]:
    """Return every type of the kept events, with one query of as many steps as there are types."""
    return distinct_values(InboxEvent, "type")


def events_named(events: QuerySet[InboxEvent], word: str) -> QuerySet[InboxEvent]:
    """Filter events by their id, or their purchase's id or Stripe session, in separate queries that use indexes."""
    purchases = Purchase.objects.filter(Q(stripe_session_id=word) | Q(pk=as_uuid(word))).values_list(
        "pk", flat=True
    )
    return events.filter(Q(pk=word) | Q(purchase__in=list(purchases)))


def forgettable_events(before: datetime.datetime) -> QuerySet[InboxEvent]:
    """Return the finished events received before this time; failed, received and unmatched ones are kept."""
    over = [*InboxEvent.DONE, InboxEvent.Status.UNREADABLE]
    return InboxEvent.objects.filter(received_at__lt=before, status__in=over)
