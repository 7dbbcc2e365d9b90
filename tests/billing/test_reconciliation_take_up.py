"""Who takes up a comparison that stopped: the job, the night, the command, staff. What the database refuses."""

from __future__ import annotations

import datetime
import time
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError
from django.test import Client
from django.utils import timezone
from procrastinate.contrib.django.models import ProcrastinateJob

from accounts.models import User
from billing.provider.errors import StripeUnavailable
from billing.reconciliation.models import ReconciliationRun, SeenPurchase
from billing.reconciliation.runs import resume_run, runs_to_resume
from billing.tasks import reconcile_nightly, work_on_reconciliation
from tests.admin.pages import button_of, history_of, list_of, messages_after, page_of, press, read
from tests.billing.odd_world import (
    FOUND,
    SESSIONS,
    begin,
    check_whole,
    fail_after,
    found_by,
    let_the_lease_run_out,
    make_odd_world,
    now,
)
from tests.billing.reporting import HOUR
from tests.billing.worker import run_worker
from tests.support.builders import put_on_sale
from tests.support.sandbox import Sandbox

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _shop(sandbox: Sandbox, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    put_on_sale()
    sandbox.hold_webhooks()
    settings.SWEEP_AFTER = datetime.timedelta(0)
    monkeypatch.setattr("billing.stripe.gateway.LIST_PAGE", 2)
    monkeypatch.setattr("billing.reconciliation.comparing.PURCHASES_PAGE", 2)


# --- Who takes it up


@pytest.fixture
def stopped(sandbox: Sandbox) -> ReconciliationRun:
    make_odd_world(sandbox)
    run = begin()
    fail_after(sandbox, 5)
    with pytest.raises(StripeUnavailable):
        resume_run(run.pk)
    sandbox.delete("/_sandbox/faults")
    return now(run)


def test_the_job_tries_again_where_it_stopped(sandbox: Sandbox) -> None:
    make_odd_world(sandbox)
    run = begin()
    fail_after(sandbox, 5)
    work_on_reconciliation.defer(run_id=run.pk)
    run_worker()
    job = ProcrastinateJob.objects.get(task_name="billing.work_on_reconciliation")
    assert (job.status, job.attempts, now(run).status) == ("todo", 1, "failed")

    sandbox.delete("/_sandbox/faults")
    ProcrastinateJob.objects.filter(pk=job.pk).update(scheduled_at=None)
    run_worker()
    check_whole(run)


def test_the_night_takes_up_what_stopped(stopped: ReconciliationRun) -> None:
    reconcile_nightly(timestamp=int(time.time()))
    assert runs_to_resume().first() == stopped
    run_worker()

    other = ReconciliationRun.objects.exclude(pk=stopped.pk).get()
    assert (now(stopped).status, other.source, other.status) == ("done", "nightly", "done")
    # Each problem is one row, at the run that found it last.
    assert found_by(stopped) + found_by(other) == FOUND
    assert set(other.findings.filter(state="waiting").values_list("times", flat=True)) == {2}


def test_the_night_gives_up_what_stood_for_a_week(stopped: ReconciliationRun) -> None:
    """Later runs have compared the same."""
    untouched = begin()
    week = timezone.now() - 169 * HOUR
    ReconciliationRun.objects.update(started_at=week)
    assert SeenPurchase.objects.filter(run_id=stopped.pk).exists()
    reconcile_nightly(timestamp=int(time.time()))

    assert not SeenPurchase.objects.exists()
    for run, reason in ((now(stopped), stopped.failure), (now(untouched), "The process stopped.")):
        assert (run.status, run.stage, run.failure, run.can_go_on) == ("failed", "", reason, False)
    assert runs_to_resume().get().source == "nightly"


def test_the_command_says_what_there_is_to_go_on_with(stopped: ReconciliationRun) -> None:
    out = StringIO()
    with pytest.raises(CommandError, match="leave out --from"):
        call_command("reconcile", "--resume", "--from", "2026-01-01")
    with pytest.raises(CommandError, match="no reconciliation 999"):
        call_command("reconcile", "--resume", "999999")
    with pytest.raises(SystemExit):
        call_command("reconcile", "--resume", stdout=out)
    check_whole(stopped)
    assert f"Compared {SESSIONS} sessions" in out.getvalue()
    with pytest.raises(CommandError, match="there is nothing to resume"):
        call_command("reconcile", "--resume", str(stopped.pk))
    with pytest.raises(CommandError, match="There is no interrupted reconciliation"):
        call_command("reconcile", "--resume")


def test_the_page_says_why_a_run_stopped_and_goes_on(
    stopped: ReconciliationRun, as_superuser: Client
) -> None:
    page = read(as_superuser, page_of(stopped))
    assert "Stripe can't be reached" in page
    assert button_of(stopped, "go_on") in page
    answer = press(as_superuser, stopped, "go_on")
    assert messages_after(answer) == ["A worker will resume it."]
    assert history_of(stopped) == [("stella", "Resumed")]
    run_worker()

    check_whole(stopped)
    assert button_of(stopped, "go_on") not in read(as_superuser, page_of(stopped))
    assert messages_after(press(as_superuser, stopped, "go_on")) == [
        "It has finished; there is nothing to resume."
    ]


def test_the_page_tells_a_living_run_from_a_dead_one(
    sandbox: Sandbox, as_superuser: Client, superuser: User
) -> None:
    make_odd_world(sandbox)
    pages: list[str] = []

    def look(run: ReconciliationRun) -> None:
        if run.stage == "purchases" and not pages:
            pages.append(read(as_superuser, page_of(run)))
            refused = messages_after(press(as_superuser, run, "go_on"))
            assert refused == ["It is still running, or stopped less than 5 minutes ago."]
            let_the_lease_run_out(run)
            pages.append(read(as_superuser, page_of(run)))
            assert "Interrupted" in read(as_superuser, list_of(ReconciliationRun))

    run = resume_run(begin().pk, look)
    alive, dead = pages
    assert ("60%" in alive, "Running" in alive, button_of(run, "go_on") in alive) == (True, True, False)
    assert ("Interrupted" in dead, button_of(run, "go_on") in dead) == (True, True)
    assert not ProcrastinateJob.objects.filter(task_name="billing.work_on_reconciliation").exists()


def test_who_may_only_look_has_nothing_go_on(stopped: ReconciliationRun, as_clerk: Client) -> None:
    assert button_of(stopped, "go_on") not in read(as_clerk, page_of(stopped))
    assert press(as_clerk, stopped, "go_on").status_code == 403
    assert now(stopped).stage


# --- The database's half


@pytest.mark.parametrize(
    ("fields", "constraint"),
    [
        ({"status": "done", "stage": "refunds", "ended_at": timezone.now()}, "run_done_has_nothing"),
        ({"lease_until": timezone.now()}, "run_is_worked_on_until_a_time"),
        ({"worked_by": "00000000-0000-4000-8000-000000000000"}, "run_is_worked_on_until_a_time"),
    ],
)
def test_the_database_refuses_a_run_that_contradicts_itself(fields: dict[str, Any], constraint: str) -> None:
    run = begin()
    with pytest.raises(IntegrityError, match=constraint):
        ReconciliationRun.objects.filter(pk=run.pk).update(**fields)
