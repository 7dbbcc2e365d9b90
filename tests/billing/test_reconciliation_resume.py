"""A run that stopped, wherever that was, goes on from there: nothing is lost, and nothing is found twice."""

from __future__ import annotations

import datetime
import os
import signal
import subprocess
import sys
import time
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from billing.checkout import closing as settling
from billing.errors import BillingError, NothingToGoOnWith, ReconciliationBusy
from billing.provider.errors import StripeUnavailable
from billing.purchases.models import Purchase
from billing.reconciliation import comparing as reconciliation
from billing.reconciliation.models import ReconciliationRun
from billing.reconciliation.runs import begin_run, resume_run
from tests.billing.odd_world import (
    begin,
    check_whole,
    fail_after,
    found_by,
    let_the_lease_run_out,
    make_odd_world,
    now,
)
from tests.billing.reporting import HOUR, reconcile_now
from tests.support.builders import UserFactory, put_on_sale, start
from tests.support.racing import at_once
from tests.support.sandbox import Sandbox
from tests.support.served import database_url

pytestmark = pytest.mark.django_db(transaction=True)

SESSIONS_PATH = "/v1/checkout/sessions"
# A process of its own, with pages small enough for the world.
CHILD = """
import django
django.setup()
from django.core.management import call_command
from billing.reconciliation import comparing
from billing.stripe import gateway
gateway.LIST_PAGE = comparing.PURCHASES_PAGE = 2
call_command("reconcile")
"""


@pytest.fixture(autouse=True)
def _shop(sandbox: Sandbox, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    put_on_sale()
    sandbox.hold_webhooks()
    settings.SWEEP_AFTER = datetime.timedelta(0)
    monkeypatch.setattr("billing.stripe.gateway.LIST_PAGE", 2)
    monkeypatch.setattr("billing.reconciliation.comparing.PURCHASES_PAGE", 2)


def test_a_run_that_nothing_stops_finds_every_kind_of_disagreement(sandbox: Sandbox) -> None:
    make_odd_world(sandbox)
    check_whole(resume_run(begin().pk))


@pytest.mark.parametrize("calls", [9])
def test_a_run_that_stripe_stops_again_and_again_finds_the_same(sandbox: Sandbox, calls: int) -> None:
    make_odd_world(sandbox)
    run = begin()
    stops = 0
    while now(run).stage:
        fail_after(sandbox, calls)
        try:
            resume_run(run.pk)
        except StripeUnavailable:
            stops += 1
            assert (now(run).status, now(run).failure[:23]) == ("failed", "Stripe can't be reached")
        assert stops < 30
    assert stops >= 2
    check_whole(run)


@pytest.mark.parametrize(
    ("calls", "path"),
    [
        (0, SESSIONS_PATH),
        (2, "/v1/payment_intents"),
        (0, f"{SESSIONS_PATH}/*"),  # in the middle of a page
        (0, "/v1/disputes"),
    ],
)
def test_a_run_whose_process_is_killed_goes_on_to_find_the_same(
    sandbox: Sandbox, calls: int, path: str
) -> None:
    make_odd_world(sandbox)
    kill_in_call(sandbox, calls, path)
    run = ReconciliationRun.objects.get()
    assert (run.status, run.is_worked_on) == ("running", True)

    with pytest.raises(CommandError, match="stopped less than 5 minutes ago"):
        call_command("reconcile", "--resume", str(run.pk))
    let_the_lease_run_out(run)
    with pytest.raises(SystemExit):  # something is left to a person
        call_command("reconcile", "--resume", stdout=StringIO())
    check_whole(run)


def kill_in_call(sandbox: Sandbox, calls: int, path: str) -> None:
    """Kills a process that compares while it waits for the answer to the call after so many."""
    if calls:
        sandbox.fault(method="GET", path=path, delay_ms=0, times=calls)
    sandbox.fault(method="GET", path=path, delay_ms=2000, times=1)
    environment = {
        "DJANGO_SETTINGS_MODULE": "config.settings.test",
        "DATABASE_URL": database_url(),
        "STRIPE_API_BASE": sandbox.url,
        "SWEEP_AFTER_MINUTES": "0",
    }
    child = subprocess.Popen([sys.executable, "-c", CHILD], env={**os.environ, **environment})
    try:
        while not sandbox.get("/_sandbox/faults")["faults"][-1]["hits"]:
            assert child.poll() is None
            time.sleep(0.02)
    finally:
        child.send_signal(signal.SIGKILL)
        child.wait()
    sandbox.delete("/_sandbox/faults")


def test_what_a_page_repaired_before_it_stopped_is_told_of_once(sandbox: Sandbox) -> None:
    never_told = start(UserFactory.create(), "starter")
    Purchase.objects.filter(pk=never_told.purchase.pk).update(stripe_session_id=None)
    sandbox.pay(start(UserFactory.create(), "starter").session_id)  # the newer, and so the first of the page
    run = begin()
    sandbox.fault(method="POST", path=f"{SESSIONS_PATH}/*/expire", status=503)
    with pytest.raises(StripeUnavailable):
        resume_run(run.pk)
    assert (now(run).sessions, found_by(run)) == (0, {("paid_not_credited", "repaired"): 1})

    resume_run(run.pk)
    assert (now(run).sessions, found_by(run)) == (
        2,
        {("paid_not_credited", "repaired"): 1, ("status_behind", "repaired"): 1},
    )


def test_two_processes_never_work_on_one_run(sandbox: Sandbox) -> None:
    make_odd_world(sandbox)
    run = begin()
    refused = []

    def meanwhile(_: ReconciliationRun) -> None:
        if now(run).stage:
            with pytest.raises(ReconciliationBusy) as error:
                resume_run(run.pk)
            refused.append(error.value.code)

    resume_run(run.pk, meanwhile)
    assert set(refused) == {"reconciliation_busy"}
    check_whole(run)
    with pytest.raises(NothingToGoOnWith):
        resume_run(run.pk)


def test_of_two_that_begin_at_once_one_is_refused(sandbox: Sandbox) -> None:
    make_odd_world(sandbox)
    run = begin()

    def attempt() -> str:
        try:
            resume_run(run.pk)
        except BillingError as error:
            return error.code
        return "done"

    assert sorted(at_once(attempt, attempt, attempt)) == ["done", *["reconciliation_busy"] * 2]
    check_whole(run)


def test_who_was_silent_for_too_long_has_lost_the_run_to_the_next(sandbox: Sandbox) -> None:
    """It wakes up while the next one works, or when that one is done, and writes nothing."""
    make_odd_world(sandbox)
    run = begin()

    def overtaken(_: ReconciliationRun) -> None:
        let_the_lease_run_out(run)
        resume_run(run.pk)

    with pytest.raises(ReconciliationBusy):
        resume_run(run.pk, overtaken)
    check_whole(run)


def test_long_work_on_one_page_keeps_the_run(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("billing.reconciliation.runs.RENEW_AFTER_SECONDS", 0)
    make_odd_world(sandbox)
    run = begin()
    stale: list[bool] = []
    original = settling.sync_with_session

    def watch(*arguments: Any) -> None:
        stale.append(not now(run).is_worked_on)
        let_the_lease_run_out(run)  # the next row's work renews it
        original(*arguments)

    monkeypatch.setattr(reconciliation, "sync_with_session", watch)
    resume_run(run.pk)
    assert len(stale) > 3
    assert not any(stale)
    check_whole(run)


# --- The edges of the period


def test_what_comes_in_meanwhile_is_the_next_runs(sandbox: Sandbox) -> None:
    for _ in range(4):
        sandbox.pay(start(UserFactory.create(), "starter").session_id)
    run = begin()
    time.sleep(1.1 - time.time() % 1)  # Stripe counts whole seconds
    came: list[str] = []

    def buy(_: ReconciliationRun) -> None:
        if len(came) < 2:
            came.append(start(UserFactory.create(), "starter").session_id)
            sandbox.pay(came[-1])

    resume_run(run.pk, buy)
    assert (now(run).sessions, now(run).purchases, len(came)) == (4, 4, 2)
    report = reconcile_now()
    assert {finding.session_id for finding in report.repaired} == set(came)


def test_a_purchase_and_its_session_on_either_side_of_an_edge_are_compared(sandbox: Sandbox) -> None:
    started = [start(UserFactory.create(), "starter") for _ in range(2)]
    for one in started:
        sandbox.pay(one.session_id)
    before, _after = (Purchase.objects.filter(pk=one.purchase.pk) for one in started)
    before.update(created_at=timezone.now() - 2 * HOUR)  # its session lies within
    run = begin()
    after_end = timezone.now() - 3 * HOUR
    assert found_by(resume_run(run.pk)) == {("paid_not_credited", "repaired"): 2}

    # Both sessions lie after this period, one of its purchases within.
    Purchase.objects.filter(pk=started[1].purchase.pk).update(created_at=after_end - HOUR)
    other = resume_run(begin_run(after_end - 2 * HOUR, after_end, ReconciliationRun.Source.STAFF).pk)
    assert (other.sessions, other.purchases, other.findings.count()) == (0, 1, 0)


def test_a_period_ends_now_at_the_latest() -> None:
    run = begin_run(timezone.now() - HOUR, timezone.now() + HOUR, ReconciliationRun.Source.COMMAND)
    assert run.period_end <= timezone.now()
