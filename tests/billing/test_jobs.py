"""Background work: jobs commit with what they belong to, and the real worker carries them out."""

from __future__ import annotations

import datetime
from typing import Any

import pytest
from django.db import ProgrammingError, transaction
from django.utils import timezone
from djstripe import models as djstripe
from procrastinate.contrib.django import app
from procrastinate.contrib.django.models import ProcrastinateJob
from procrastinate.jobs import Job
from structlog.testing import capture_logs

from accounts.models import User
from billing import tasks as billing_jobs
from billing.inbox.models import InboxEvent
from billing.purchases.models import Purchase
from billing.stripe.mirror import is_mirrored
from tests.billing.books import check_settled_books
from tests.billing.calling import the_event
from tests.billing.database_faults import failing_commits
from tests.billing.worker import jobs, run_worker
from tests.support.builders import UserFactory, put_on_sale, start
from tests.support.sandbox import Sandbox

pytestmark = pytest.mark.django_db(transaction=True)

CONFIRMATION, MIRROR = "billing.send_confirmation", "billing.mirror_event"


@pytest.fixture(autouse=True)
def _shop(sandbox: Sandbox) -> None:
    put_on_sale()
    sandbox.hold_webhooks()


@pytest.fixture
def user() -> User:
    user: User = UserFactory.create()
    return user


def test_a_job_of_a_transaction_that_rolls_back_does_not_exist() -> None:
    with transaction.atomic():
        billing_jobs.send_confirmation.defer(purchase_id="00000000-0000-0000-0000-000000000000")
        assert sum(jobs().values()) == 1
        transaction.set_rollback(True)
    assert jobs() == {}


def test_the_confirmations_job_commits_with_the_credits(sandbox: Sandbox, user: User) -> None:
    sandbox.pay(start(user, "standard").session_id)
    with failing_commits():
        sandbox.release_webhooks(types=["checkout.session.completed"])
        assert jobs() == {}  # neither the mail's job nor the mirror's
        sandbox.release_webhooks(types=["checkout.session.completed"])
    assert jobs() == {(CONFIRMATION, "todo"): 1, (MIRROR, "todo"): 1}
    check_settled_books(sandbox)


def test_each_event_is_handed_to_the_mirror_once_however_often_it_came(sandbox: Sandbox, user: User) -> None:
    sandbox.pay(start(user, "standard").session_id)
    sandbox.release_webhooks(copies=3, concurrency=6)
    sandbox.release_webhooks(replay=True)
    mirrored = [event for event in InboxEvent.objects.all() if is_mirrored(event.type)]
    assert len(mirrored) == 6  # with the new customer's
    handed = ProcrastinateJob.objects.filter(task_name=MIRROR).values_list("args__event_id", flat=True)
    assert sorted(handed) == sorted(event.pk for event in mirrored)


def test_events_about_the_same_object_take_turns(sandbox: Sandbox, user: User) -> None:
    started = start(user, "standard")
    sandbox.pay_later(started.session_id)
    sandbox.settle(started.session_id)
    sandbox.release_webhooks()
    locks = ProcrastinateJob.objects.filter(task_name=MIRROR).values_list("lock", flat=True)
    assert f"mirror:{started.session_id}" in locks
    assert len(locks) > len(set(locks))


def test_the_worker_mirrors_what_the_events_are_about(sandbox: Sandbox, user: User) -> None:
    started = start(user, "standard")
    sandbox.pay(started.session_id)
    sandbox.release_webhooks()
    assert not djstripe.Session.objects.exists()  # not in the request that Stripe waits for

    run_worker(concurrency=3)

    assert jobs() == {(CONFIRMATION, "succeeded"): 1, (MIRROR, "succeeded"): 6}
    (intent,) = sandbox.objects("payment_intent")
    assert djstripe.Session.objects.get().id == started.session_id
    assert djstripe.PaymentIntent.objects.get().id == intent["id"]
    assert not InboxEvent.objects.filter(mirrored_at=None).exists()


def test_a_mirror_that_cannot_reach_stripe_is_tried_again_and_keeps_nobody_from_their_credits(
    sandbox: Sandbox, user: User
) -> None:
    sandbox.pay(start(user, "standard").session_id)
    sandbox.release_webhooks(types=["checkout.session.completed"])
    sandbox.fault(method="GET", path="/v1/*", status=503, times=None)
    run_worker()
    assert jobs() == {(CONFIRMATION, "succeeded"): 1, (MIRROR, "todo"): 1}
    assert the_event().mirrored_at is None
    later = ProcrastinateJob.objects.get(task_name=MIRROR)
    assert later.attempts == 1
    assert later.scheduled_at is not None
    assert later.scheduled_at > timezone.now()
    check_settled_books(sandbox)


def test_a_job_that_waits_for_its_next_attempt_keeps_no_newer_one_waiting(
    sandbox: Sandbox, user: User
) -> None:
    started = start(user, "standard")
    sandbox.pay_later(started.session_id)
    sandbox.settle(started.session_id)
    sandbox.fault(method="GET", path="/v1/*", status=503, times=None)
    sandbox.release_webhooks(types=["checkout.session.completed"])
    run_worker()
    assert jobs(task_name=MIRROR) == {(MIRROR, "todo"): 1}
    sandbox.delete("/_sandbox/faults")
    sandbox.release_webhooks(types=["checkout.session.async_payment_succeeded"])
    run_worker()
    assert jobs(task_name=MIRROR) == {(MIRROR, "todo"): 1, (MIRROR, "succeeded"): 1}


def test_why_a_job_is_tried_again_is_in_the_log(sandbox: Sandbox, user: User) -> None:
    sandbox.pay(start(user, "standard").session_id)
    sandbox.fault(method="GET", path="/v1/*", status=503, times=None)
    sandbox.release_webhooks(types=["checkout.session.completed"])
    with capture_logs() as logs:
        run_worker()
    (line,) = (line for line in logs if line["event"] == "job_retried")
    assert (line["task"], line["attempt"], line["exc_info"]) == (MIRROR, 1, True)


def test_a_job_for_an_event_that_is_no_longer_kept_is_done(sandbox: Sandbox) -> None:
    billing_jobs.mirror_event.defer(event_id="evt_gone")
    run_worker()
    assert jobs() == {(MIRROR, "succeeded"): 1}


@pytest.mark.parametrize("task", [billing_jobs.send_confirmation, billing_jobs.mirror_event])
def test_a_failed_job_is_tried_again_for_two_days(task: Any) -> None:
    pauses = []
    for attempts in range(100):
        job = Job(id=1, lock=None, queueing_lock=None, queue="", task_name=task.name, attempts=attempts)
        retry = task.get_retry_exception(exception=OSError(), job=job)
        if retry is None:
            break
        pauses.append(retry.retry_decision.retry_at - timezone.now())
    assert [round(pause.total_seconds()) for pause in pauses[:3]] == [10, 310, 610]
    assert datetime.timedelta(days=1.5) < sum(pauses, datetime.timedelta()) < datetime.timedelta(days=3)


def test_the_sweeper_runs_every_five_minutes_and_never_twice_at_once() -> None:
    (sweep,) = [
        periodic
        for periodic in app.periodic_registry.periodic_tasks.values()
        if periodic.task.name == "billing.sweep"
    ]
    assert sweep.cron == "*/5 * * * *"
    assert (sweep.task.lock, sweep.task.queueing_lock) == ("billing.sweep", "billing.sweep")


def test_the_worker_sweeps(sandbox: Sandbox, user: User, settings: Any) -> None:
    settings.SWEEP_AFTER = datetime.timedelta(0)
    sandbox.pay(start(user, "standard").session_id)
    billing_jobs.sweep.configure().defer(timestamp=0)
    run_worker()
    assert Purchase.objects.get().status == Purchase.Status.COMPLETED
    assert jobs(task_name=CONFIRMATION) == {(CONFIRMATION, "succeeded"): 1}
    check_settled_books(sandbox)


def test_a_job_that_a_job_defers_commits_with_its_credits(
    sandbox: Sandbox, user: User, settings: Any
) -> None:
    settings.SWEEP_AFTER = datetime.timedelta(0)
    sandbox.pay(start(user, "standard").session_id)
    with failing_commits(9):  # its own clock may defer a second one
        billing_jobs.sweep.configure().defer(timestamp=0)
        run_worker()
    assert ProcrastinateJob.objects.filter(task_name="billing.sweep", status="failed").exists()
    assert jobs() == {}


def test_a_sweep_that_crashes_is_no_loss_the_next_one_settles(
    sandbox: Sandbox, user: User, settings: Any
) -> None:
    settings.SWEEP_AFTER = datetime.timedelta(0)
    sandbox.pay(start(user, "standard").session_id)
    with failing_commits():
        with pytest.raises(ProgrammingError, match="the power went out"):
            billing_jobs.sweep(timestamp=0)
        billing_jobs.sweep(timestamp=300)
    check_settled_books(sandbox)
