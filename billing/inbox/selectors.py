"""How the inbox fares: what came in and what came of it, and what still waits to be applied.

What is counted over time costs as much as the window is long, and what waits costs as much as waits, however many
events are kept: both are read from indexes that hold all that is counted (`InboxEvent.Meta`).
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
# Of how many events the API version is looked at: once the endpoint is put right, the others are soon further back.
NEWEST = 100


@dataclass(frozen=True)
class Hour:
    """The events that came in within an hour, by what has come of them since."""

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
    """The hours of a window, the oldest first. The last one is still running."""

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
        """How much of it has come to one of these, from 0 to 1. None: nothing came in."""
        events = self.events
        return sum(events[status] for status in statuses) / events.total() if events else None


def traffic(hours: int, now: datetime.datetime | None = None) -> Traffic:
    """The last so many hours, the running one among them. One query."""
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
    """The events that stand as failed or unreadable now, whenever they came: how many of each type, most first. One
    query.
    """
    failed = InboxEvent.objects.filter(status__in=InboxEvent.FAILING).order_by()
    return list(
        failed.values("type")
        .annotate(number=Count("*"))
        .order_by("-number", "type")
        .values_list("type", "number")
    )


def oldest_not_applied() -> InboxEvent | None:
    """The event that has waited longest for its effect, without its payload. One query."""
    waiting = InboxEvent.objects.filter(status__in=InboxEvent.NOT_APPLIED)
    return waiting.defer("payload").order_by("received_at", "id").first()


def newest_in_another_version() -> tuple[int, str]:
    """How many of the newest events came in another API version than this code speaks, and which one. One query. Their
    objects may lack what we read, or call it otherwise.
    """
    newest = InboxEvent.objects.exclude(api_version="").order_by("-received_at", "-id")
    versions = newest.values_list("api_version", flat=True)[:NEWEST]
    others = [version for version in versions if version != settings.STRIPE_API_VERSION]
    return len(others), others[0] if others else ""


def types_seen() -> list[str]:
    """Every type of which an event is kept. One query, of as many steps as there are types."""
    return distinct_values(InboxEvent, "type")


def events_named(events: QuerySet[InboxEvent], word: str) -> QuerySet[InboxEvent]:
    """Those with this id, or of the purchase with this id or Stripe session. Each is looked up in its own index: put as
    one condition over both tables it would read them whole.
    """
    purchases = Purchase.objects.filter(Q(stripe_session_id=word) | Q(pk=as_uuid(word))).values_list(
        "pk", flat=True
    )
    return events.filter(Q(pk=word) | Q(purchase__in=list(purchases)))


def forgettable_events(before: datetime.datetime) -> QuerySet[InboxEvent]:
    """Those that came in before this moment and of which nothing more can come: what failed, what was only received,
    and what waits for its payment is kept.
    """
    over = [*InboxEvent.DONE, InboxEvent.Status.UNREADABLE]
    return InboxEvent.objects.filter(received_at__lt=before, status__in=over)
