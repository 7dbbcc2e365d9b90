"""How the inbox fares: each figure counts what its definition says, and reads no more than it counts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from billing.inbox.models import InboxEvent
from billing.inbox.selectors import (
    events_named,
    failures_by_type,
    forgettable_events,
    oldest_not_applied,
    traffic,
    types_seen,
)
from tests.admin.rows import make_purchase

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 27, 14, 25, tzinfo=UTC)
HOUR = timedelta(hours=1)


def make_event(status: str = "applied", at: datetime = NOW, kind: str = "a.b") -> InboxEvent:
    number = InboxEvent.objects.count()
    event = InboxEvent.objects.create(
        id=f"evt_{number:04}", type=kind, payload={"big": "x"}, stripe_created=at, status=status
    )
    InboxEvent.objects.filter(pk=event.pk).update(received_at=at)
    event.refresh_from_db()
    return event


# --- What came in, and what came of it ----------------------------------------------------------------------------


def test_a_window_is_whole_hours_and_the_running_one() -> None:
    hours = traffic(24, NOW).hours

    assert len(hours) == 24
    assert hours[0].start == datetime(2026, 11, 26, 15, tzinfo=UTC)
    assert hours[-1].start == datetime(2026, 11, 27, 14, tzinfo=UTC)


def test_an_event_is_counted_in_the_hour_in_which_it_came_in() -> None:
    start = datetime(2026, 11, 26, 15, tzinfo=UTC)
    second = timedelta(microseconds=1)
    for at in (start - second, start, start + HOUR - second, start + HOUR, NOW):
        make_event(at=at)

    assert [hour.total for hour in traffic(24, NOW).hours] == [2, 1, *[0] * 20, 0, 1]


def test_hours_are_the_same_whatever_the_time_zone() -> None:
    make_event(at=NOW)

    with timezone.override("Asia/Kathmandu"):  # a quarter of an hour off
        assert traffic(1, NOW).total == 1


def test_shares_are_of_the_windows_events_by_where_they_stand_now() -> None:
    for status in ["applied"] * 5 + ["stored", "not_ours", "received", "failed", "unreadable"]:
        make_event(status)
    make_event("failed", NOW - 30 * HOUR)

    day = traffic(24, NOW)

    assert day.total == 10
    assert day.share(*InboxEvent.DONE) == 0.7
    assert day.share("failed", "unreadable") == 0.2
    assert (day.busiest.total, day.busiest.not_applied) == (10, 3)


def test_a_window_without_events_has_no_shares() -> None:
    assert traffic(24, NOW).share("failed") is None


def test_failures_are_counted_by_type_whenever_they_came_most_first() -> None:
    for kind, at in [("b", NOW), ("a", NOW), ("c", NOW), ("c", NOW - 1000 * HOUR)]:
        make_event("failed", at, kind)
    make_event("applied", NOW, "c")
    make_event("received", NOW, "c")

    assert failures_by_type() == [("c", 2), ("a", 1), ("b", 1)]


@pytest.mark.parametrize("status", ["failed", "received"])
def test_the_oldest_that_is_not_applied_is_found_however_old(status: str) -> None:
    make_event("applied", NOW - 3000 * HOUR)
    oldest = make_event(status, NOW - 2000 * HOUR)
    make_event("failed", NOW - 1000 * HOUR)

    assert oldest_not_applied() == oldest


def test_where_all_is_applied_there_is_no_oldest() -> None:
    for status in InboxEvent.DONE:
        make_event(status)

    assert oldest_not_applied() is None


def test_each_type_is_named_once_in_order() -> None:
    for kind in "cabbac":
        make_event(kind=kind)

    assert types_seen() == ["a", "b", "c"]


def test_an_empty_inbox_has_no_types() -> None:
    assert types_seen() == []


# --- By index, and by one query -----------------------------------------------------------------------------------


@contextmanager
def explained(*avoided: str) -> Iterator[list[str]]:
    """The plans of the queries, where PostgreSQL avoids these ways of reading as long as there is another."""
    plans: list[str] = []
    with connection.cursor() as cursor:
        for way in avoided:
            cursor.execute(f"SET enable_{way} = off")
        with CaptureQueriesContext(connection) as queries:
            yield plans
        for query in queries.captured_queries:
            cursor.execute(f"EXPLAIN {query['sql']}")
            plans.append("\n".join(line for (line,) in cursor.fetchall()))
        cursor.execute("RESET ALL")


def fill() -> None:
    """Outside a transaction: there PostgreSQL can't note which pages all can see, whose rows it then needn't read."""
    now = timezone.now()
    InboxEvent.objects.bulk_create(
        InboxEvent(
            id=f"evt_{number:04}",
            type=f"type.{number % 5}",
            payload={"big": [str(uuid4()) for _ in range(30)]},
            stripe_created=now,
            received_at=now - number * HOUR / 10,
            status="failed" if number % 50 == 0 else "applied",
        )
        for number in range(2000)
    )
    with connection.cursor() as cursor:
        cursor.execute("VACUUM (ANALYZE) inbox_inboxevent")  # as PostgreSQL does by itself


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("count", "index"),
    [
        (lambda: traffic(24), "inbox_in_time"),
        (failures_by_type, "inbox_not_applied"),
        (types_seen, "inbox_by_type"),
        (lambda: forgettable_events(NOW).count(), "inbox_in_time"),
    ],
)
def test_what_is_counted_stands_in_an_index(count: Any, index: str) -> None:
    fill()

    with explained("seqscan", "bitmapscan") as plans:
        count()

    (plan,) = plans
    assert f"Index Only Scan using {index}" in plan or f"Index Only Scan Backward using {index}" in plan
    assert "Seq Scan" not in plan


@pytest.mark.django_db(transaction=True)
def test_the_plan_would_tell_if_it_did_not() -> None:
    """The negative control: what stands in no index is read from the rows."""
    fill()

    with explained("seqscan", "bitmapscan") as plans:
        InboxEvent.objects.filter(received_at__gte=NOW, attempts=1).count()

    assert "Index Only Scan" not in plans[0]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("find", "index"),
    [
        (oldest_not_applied, "inbox_not_applied"),
        (lambda: list(forgettable_events(NOW).order_by("received_at", "id")[:9]), "inbox_in_time"),
    ],
)
def test_what_is_found_first_is_first_in_an_index(find: Any, index: str) -> None:
    fill()

    with explained("seqscan", "bitmapscan") as plans:
        find()

    (plan,) = plans
    assert index in plan
    assert "Sort" not in plan


# --- Found by what is known of it ---------------------------------------------------------------------------------


def test_events_are_found_by_their_id_their_purchase_and_its_session() -> None:
    purchase = make_purchase()
    of_purchase, other = make_event(), make_event()
    InboxEvent.objects.filter(pk=of_purchase.pk).update(purchase=purchase)

    for word in (str(purchase.pk), str(purchase.stripe_session_id), of_purchase.pk):
        assert list(events_named(InboxEvent.objects.all(), word)) == [of_purchase]
    assert list(events_named(InboxEvent.objects.all(), other.pk)) == [other]
    assert list(events_named(InboxEvent.objects.all(), "evt_0")) == []
