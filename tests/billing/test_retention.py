"""Retention: events that are done with go after some days; failed ones stay; a replay credits nothing twice."""

from __future__ import annotations

import io
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from procrastinate.contrib.django import app

from billing import tasks as billing_jobs
from billing.inbox import retention
from billing.inbox.models import InboxEvent
from billing.inbox.retention import forget_events, forget_old_events
from billing.provider import provider
from billing.provider.objects import ProviderEvent
from billing.webhooks.receiving import reapply_event
from credits.ledger.models import Account, Entry
from tests.billing.books import check_settled_books
from tests.billing.calling import deliver, made_up_event, paid_session_event, the_event
from tests.billing.worker import run_worker
from tests.support.builders import UserFactory, put_on_sale, start
from tests.support.racing import at_once
from tests.support.sandbox import WEBHOOK_SECRET, Sandbox

pytestmark = pytest.mark.django_db(transaction=True)

FORGOTTEN = {"applied", "stored", "not_ours", "ignored", "unreadable"}
KEPT = {"failed", "received", "unmatched"}


def make_event(event_id: str, status: str = "applied", days: float = 100) -> InboxEvent:
    """An event that came in so many days ago."""
    now = timezone.now()
    event = InboxEvent.objects.create(id=event_id, type="a.b", payload={}, stripe_created=now, status=status)
    InboxEvent.objects.filter(pk=event.pk).update(received_at=now - timedelta(days=days))
    return event


def left() -> set[str]:
    return set(InboxEvent.objects.values_list("pk", flat=True))


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def command(*arguments: str, out: io.StringIO | None = None) -> str:
    said = out or io.StringIO()
    call_command("forget_events", *arguments, stdout=said)
    return said.getvalue()


# --- What goes, and what stays ------------------------------------------------------------------------------------


def test_every_status_is_either_forgotten_or_kept() -> None:
    assert set(InboxEvent.Status.values) == FORGOTTEN | KEPT


def test_old_events_that_are_done_go_and_those_that_are_not_stay() -> None:
    for status in InboxEvent.Status.values:
        make_event(status, status)

    assert forget_events(90) == len(FORGOTTEN)
    assert left() == KEPT


def test_an_event_goes_by_the_time_at_which_it_came_in() -> None:
    make_event("old", days=90.001)
    make_event("young", days=89.999)

    assert forget_events(90) == 1
    assert left() == {"young"}


@pytest.mark.parametrize("days", [0, -1, 10**9])
def test_no_number_of_days_that_makes_no_sense_forgets_anything(days: int) -> None:
    make_event("new", days=0)

    with pytest.raises(ValueError, match="1 to 36,500 days"):
        forget_events(days)
    assert left() == {"new"}


# --- In batches ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1, 2, 3, 7, 8, 100])
def test_batches_of_any_size_forget_all_and_only_what_is_due(
    size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "BATCH", size)
    for number in range(7):
        make_event(f"done_{number}", days=100 + number)
        make_event(f"failed_{number}", "failed", days=100 + number)
    InboxEvent.objects.filter(pk__in=["done_1", "done_2", "done_3"]).update(
        received_at=timezone.now() - timedelta(days=100)
    )  # at the very same moment

    assert forget_events(90) == 7
    assert left() == {f"failed_{number}" for number in range(7)}


def test_each_batch_is_a_short_transaction_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "BATCH", 2)
    for number in range(6):
        make_event(f"evt_{number}", days=100 + number)

    with CaptureQueriesContext(connection) as queries:
        forget_events(90)

    said = [query["sql"].split()[0] for query in queries]
    assert said.count("DELETE") == 3
    for place, verb in enumerate(said):
        if verb == "DELETE":  # alone, or alone between its own BEGIN and COMMIT
            assert said[place - 1 : place + 2] in (
                ["SELECT", "DELETE", "SELECT"],
                ["BEGIN", "DELETE", "COMMIT"],
            )


def test_what_was_forgotten_before_an_interruption_stays_forgotten_and_the_next_run_goes_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(retention, "BATCH", 2)
    for number in range(5):
        make_event(f"evt_{number}", days=200 - number)

    def interrupt(share: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        forget_events(90, report=interrupt)
    assert left() == {"evt_2", "evt_3", "evt_4"}
    assert forget_events(90) == 3


def test_a_batch_brings_no_payload_into_memory() -> None:
    make_event("evt_1")

    with CaptureQueriesContext(connection) as queries:
        forget_events(90)

    assert not [query["sql"] for query in queries if "payload" in query["sql"]]


# --- A replay -----------------------------------------------------------------------------------------------------


def test_an_event_that_comes_again_after_it_was_forgotten_credits_nothing_twice(
    sandbox: Sandbox, settings: Any
) -> None:
    settings.STRIPE_WEBHOOK_SECRETS = [WEBHOOK_SECRET]
    put_on_sale()
    user = UserFactory.create()
    event = paid_session_event(sandbox, start(user, "standard").session_id)
    assert deliver(event).status_code == 200
    InboxEvent.objects.update(received_at=timezone.now() - timedelta(days=100))
    assert forget_events(90) == 2  # with the customer's own

    assert deliver(event).status_code == 200

    row = the_event()
    assert (row.status, row.attempts) == ("applied", 1)  # taken for a new one
    assert (Entry.objects.count(), Account.objects.get(owner=user).balance) == (1, 5000)
    check_settled_books(sandbox)


def test_a_redelivery_while_its_event_is_being_forgotten_credits_nothing_twice(
    sandbox: Sandbox, settings: Any
) -> None:
    settings.STRIPE_WEBHOOK_SECRETS = [WEBHOOK_SECRET]
    put_on_sale()
    event = paid_session_event(sandbox, start(UserFactory.create(), "standard").session_id)
    deliver(event)
    InboxEvent.objects.update(received_at=timezone.now() - timedelta(days=100))

    def answer() -> int:
        return int(deliver(event).status_code)

    *answers, _forgotten = at_once(answer, answer, answer, partial(forget_events, 90))

    assert answers == [200] * 3
    assert Entry.objects.count() == 1
    check_settled_books(sandbox)


def test_an_event_that_is_forgotten_while_staff_apply_it_again_does_not_come_back_as_failed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    payload = made_up_event("a.b", {"id": "x_1", "object": "x"}, "evt_1")
    make_event("evt_1")
    InboxEvent.objects.update(payload=payload)
    read = provider().read_event

    def read_while_it_is_forgotten(found: Any) -> ProviderEvent:
        forget_events(90)
        return read(found)

    monkeypatch.setattr(provider(), "read_event", read_while_it_is_forgotten)
    with pytest.raises(InboxEvent.DoesNotExist):
        reapply_event("evt_1")

    assert left() == set()


# --- The job ------------------------------------------------------------------------------------------------------


def test_the_worker_forgets_as_the_setting_says(settings: Any) -> None:
    settings.INBOX_RETENTION_DAYS = 30
    make_event("old", days=31)
    make_event("young", days=29)

    billing_jobs.forget_events.configure().defer(timestamp=0)
    run_worker()

    assert left() == {"young"}


def test_a_setting_of_zero_keeps_everything(settings: Any) -> None:
    settings.INBOX_RETENTION_DAYS = 0
    make_event("old", days=30_000)

    assert forget_old_events() == 0
    assert left() == {"old"}
    assert "so events are kept" in command()
    assert left() == {"old"}


def test_one_run_of_the_job_is_bounded_and_begins_with_the_oldest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "BATCH", 2)
    monkeypatch.setattr(retention, "MOST_OF_A_RUN", 4)
    for number in range(6):
        make_event(f"evt_{number}", days=200 - number)

    assert forget_old_events() == 4
    assert left() == {"evt_4", "evt_5"}


def test_the_job_runs_every_hour_and_never_twice_at_once() -> None:
    (periodic,) = [
        periodic
        for periodic in app.periodic_registry.periodic_tasks.values()
        if periodic.task.name == "billing.forget_events"
    ]
    assert periodic.cron == "37 * * * *"
    assert (periodic.task.lock, periodic.task.queueing_lock) == (
        "billing.forget_events",
        "billing.forget_events",
    )


# --- The command --------------------------------------------------------------------------------------------------


def test_the_command_forgets_and_says_how_many() -> None:
    make_event("old", days=11)
    make_event("young", days=9)

    assert command("--older-than", "10").startswith("Deleted 1 event received before ")
    assert left() == {"young"}


def test_without_a_number_the_command_takes_the_settings(settings: Any) -> None:
    settings.INBOX_RETENTION_DAYS = 10
    make_event("old", days=11)
    make_event("young", days=9)

    command()

    assert left() == {"young"}


def test_a_dry_run_says_how_many_and_forgets_none() -> None:
    for status in InboxEvent.Status.values:
        make_event(status, status)

    assert command("--older-than", "10", "--dry-run").startswith("Would delete 5 events")
    assert left() == set(InboxEvent.Status.values)


@pytest.mark.parametrize("days", ["0", "-5"])
def test_the_command_refuses_less_than_a_day(days: str) -> None:
    make_event("new", days=0)

    with pytest.raises(CommandError, match="1 to 36,500 days"):
        command("--older-than", days)
    assert left() == {"new"}


def test_progress_is_drawn_on_a_terminal_and_not_in_a_log(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "BATCH", 1)
    for number in range(2):
        make_event(f"evt_{number}", days=190 - number)
    assert "#" not in command("--older-than", "180", "--dry-run")

    on_terminal = command("--older-than", "90", out=Terminal())

    assert "\rDeleting [" in on_terminal
    assert "] 100%" in on_terminal

    make_event("evt_3")
    assert "%" not in command("--older-than", "90")
