"""What is read at each scrape is what the database says, and one reading that fails leaves the others alone."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings as settings_of_django
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.utils import timezone
from procrastinate.contrib.django import app

from billing.checkout.fulfilment import fulfil_purchase
from billing.inbox.models import InboxEvent
from billing.inbox.readings import uncredited_payments
from billing.purchases.log import Source
from billing.purchases.models import Payment, Purchase, PurchaseEvent
from billing.reconciliation.models import ReconciliationRun
from billing.setup.endpoint_watch import look_at_endpoint, problems_of
from billing.setup.webhook_endpoint import WebhookEndpoint
from core.jobs.readings import longest_interval
from core.monitoring import readings
from core.monitoring.exposition import exposition
from core.monitoring.last_runs import expect_runs, note_run
from core.monitoring.models import LastRun
from credits.proof.chain import take_head
from credits.proof.recording import Variant, note_proof
from tests.billing.calling import deliver, last_event, paid_session_event
from tests.credits.builders import funded, no_triggers
from tests.monitoring.scraping import BEARER, TOKEN, Samples, samples_of, value
from tests.ops.database_outages import database_away
from tests.support.builders import UserFactory, paid_report, put_on_sale, start
from tests.support.sandbox import WEBHOOK_SECRET, Sandbox

pytestmark = pytest.mark.django_db(transaction=True)
WEBHOOK = Source(PurchaseEvent.Source.WEBHOOK)
HOUR = timedelta(hours=1)


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a busy machine, a reading is not given up that another test waits for."""
    monkeypatch.setattr(readings, "STATEMENT_TIMEOUT_MS", 20_000)
    monkeypatch.setattr(readings, "LONGEST_S", 60.0)


def read() -> Samples:
    return samples_of(exposition().decode())


def run(statement: str, *arguments: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, arguments)


# --- Payments and the inbox -------------------------------------------------------------------------------------------


def test_the_oldest_payment_without_credits_is_found_and_leaves_once_refunded(sandbox: Sandbox) -> None:
    put_on_sale()
    for hours in (1, 3):
        purchase = start(UserFactory()).purchase
        report = paid_report(purchase, amount_minor=1, at=timezone.now() - hours * HOUR)
        fulfil_purchase(purchase.pk, report, WEBHOOK)
    found = read()
    assert value(found, "credits_uncredited_payments") == 2
    assert value(found, "credits_uncredited_payment_oldest_age_seconds") == pytest.approx(3 * 3600, abs=60)
    assert value(found, "credits_purchases_needing_attention") == 2
    Purchase.objects.update(attention="", attention_detail="")  # as a refund does
    assert uncredited_payments().number == 0
    assert value(read(), "credits_uncredited_payment_oldest_age_seconds") == 0


def test_a_payment_whose_event_failed_counts_until_something_credits_it(
    sandbox: Sandbox, settings: Any
) -> None:
    settings.STRIPE_WEBHOOK_SECRETS = [WEBHOOK_SECRET]
    put_on_sale()
    purchase = start(UserFactory()).purchase
    event = paid_session_event(sandbox, purchase.stripe_session_id or "")
    run("ALTER TABLE purchases_payment RENAME TO moved")
    try:
        for each in (event, last_event(sandbox, "payment_intent.succeeded")):
            assert deliver(each).status_code == 500
    finally:
        run("ALTER TABLE moved RENAME TO purchases_payment")
    InboxEvent.objects.update(received_at=timezone.now() - 2 * HOUR)
    found = read()
    assert value(found, "credits_uncredited_payments") == 1, "of two events"
    assert value(found, "credits_inbox_events", status="failed") == 2
    assert value(found, "credits_inbox_oldest_age_seconds") == pytest.approx(2 * 3600, abs=60)
    # The success page credits it: the event stays failed until Stripe sends it again.
    report = paid_report(purchase, payment_intent_id=event["data"]["object"]["payment_intent"])
    fulfil_purchase(purchase.pk, report, Source(PurchaseEvent.Source.SUCCESS_PAGE))
    assert Payment.objects.filter(lot__isnull=False).count() == 1
    found = read()
    assert value(found, "credits_uncredited_payments") == 0
    assert value(found, "credits_inbox_events", status="failed") == 2


def test_a_checkout_is_overdue_only_after_its_own_time(sandbox: Sandbox, settings: Any) -> None:
    put_on_sale()
    start(UserFactory())
    with no_triggers():
        Purchase.objects.update(created_at=timezone.now() - 2 * HOUR)
    assert value(read(), "credits_open_checkout_overdue_seconds") == pytest.approx(3600, abs=60)
    settings.CHECKOUT_SESSION_LIFETIME = 3 * HOUR
    assert value(read(), "credits_open_checkout_overdue_seconds") == 0


def test_a_payment_held_back_for_staff_is_no_overdue_checkout(sandbox: Sandbox) -> None:
    put_on_sale()
    purchase = start(UserFactory()).purchase
    fulfil_purchase(purchase.pk, paid_report(purchase, amount_minor=1), WEBHOOK)
    with no_triggers():
        Purchase.objects.update(created_at=timezone.now() - 2 * HOUR)
    assert Purchase.objects.get().status == "pending"
    found = read()
    assert value(found, "credits_open_checkout_overdue_seconds") == 0
    assert value(found, "credits_purchases_needing_attention") == 1


# --- Jobs -------------------------------------------------------------------------------------------------------------


def test_the_lag_is_that_of_the_oldest_job_that_is_due() -> None:
    task = app.configure_task("billing.send_confirmation")
    late, retried = (task.defer(purchase_id=str(number)) for number in range(2))
    app.configure_task("billing.send_confirmation", schedule_in={"hours": 5}).defer(purchase_id="later")
    run(
        "UPDATE procrastinate_events SET at = now() - interval '20 minutes' WHERE job_id = ANY (%s)",
        [late, retried],
    )
    run("UPDATE procrastinate_jobs SET scheduled_at = now() - interval '5 seconds' WHERE id = %s", retried)
    found = read()
    assert value(found, "credits_job_lag_seconds", queue="mail") == pytest.approx(1200, abs=30)
    assert value(found, "credits_jobs_waiting", queue="mail") == 2
    assert value(found, "credits_job_lag_seconds", queue="money") == 0
    run("UPDATE procrastinate_jobs SET status = 'doing' WHERE id = %s", late)
    assert value(read(), "credits_job_lag_seconds", queue="mail") == pytest.approx(5, abs=30)


def test_jobs_that_wait_for_another_try_are_counted_by_task_due_or_not() -> None:
    task = app.configure_task("billing.send_confirmation")
    for number in range(2):
        failed = task.defer(purchase_id=str(number))
        run("UPDATE procrastinate_jobs SET attempts = 3 WHERE id = %s", failed)
    run("UPDATE procrastinate_jobs SET scheduled_at = now() + interval '2 hours' WHERE id = %s", failed)
    task.defer(purchase_id="untried")
    found = read()
    assert value(found, "credits_jobs_retrying", task="billing.send_confirmation") == 2
    assert value(found, "credits_jobs_retrying", task="billing.sweep") == 0
    run("UPDATE procrastinate_jobs SET status = 'succeeded'")
    assert value(read(), "credits_jobs_retrying", task="billing.send_confirmation") == 0


def test_a_periodic_job_that_never_ran_is_as_old_as_its_expectation() -> None:
    assert value(read(), "credits_job_last_success_timestamp_seconds", task="billing.sweep") == 0
    expect_runs(["job:billing.sweep"])
    LastRun.objects.update(first_seen_at=timezone.now() - HOUR)
    expected = value(read(), "credits_job_last_success_timestamp_seconds", task="billing.sweep")
    assert time.time() - expected == pytest.approx(3600, abs=60)
    note_run("job:billing.sweep", "it failed")
    assert value(read(), "credits_job_last_success_timestamp_seconds", task="billing.sweep") == expected
    note_run("job:billing.sweep")
    assert (
        time.time() - value(read(), "credits_job_last_success_timestamp_seconds", task="billing.sweep") < 60
    )


def test_an_interval_is_the_longest_between_two_runs() -> None:
    assert longest_interval("23 3 * * *") == 86400
    assert longest_interval("* * * * * */10") == 10
    assert longest_interval("0 8-10 * * *") == 22 * 3600


# --- Proof, reconciliation, endpoint ----------------------------------------------------------------------------------


def test_the_proof_of_the_ledger_leaves_its_time_and_result(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("check_ledger", "--quiet")
    found = read()
    assert value(found, "credits_ledger_proof_failed") == 0
    assert time.time() - value(found, "credits_ledger_proof_last_run_timestamp_seconds") < 60
    account = funded(5)
    with no_triggers():
        run("UPDATE credits_account SET balance = balance + 1 WHERE id = %s", account.pk)
    with pytest.raises(SystemExit):
        call_command("check_ledger", "--quiet")
    assert value(read(), "credits_ledger_proof_failed") == 1


def test_a_success_clears_only_what_it_looked_at(
    settings: Any, client: Client, capsys: pytest.CaptureFixture[str]
) -> None:
    settings.METRICS_TOKEN = TOKEN
    head = str(take_head())
    with pytest.raises(SystemExit):
        call_command("check_ledger", "--quiet", "--since", f"{head[:-64]}{'0' * 64}")
    call_command("check_ledger", "--quiet")
    assert value(read(), "credits_ledger_proof_failed") == 1, "the history is still another"
    (said,) = (
        check["problem"]
        for check in client.get("/health/ready", headers=BEARER).json()["checks"]
        if check["name"] == "ledger"
    )
    assert said == "check_ledger --since found 1 violations"
    call_command("check_ledger", "--quiet", "--since", str(take_head()))
    assert value(read(), "credits_ledger_proof_failed") == 0


def test_history_proven_proves_the_rest_and_the_newest_run_counts() -> None:
    note_proof(violations=1)
    assert value(read(), "credits_ledger_proof_failed") == 1
    note_proof(0, Variant(with_history=True))
    assert value(read(), "credits_ledger_proof_failed") == 0
    note_proof(0)
    LastRun.objects.filter(pk="check_ledger").update(ran_at=timezone.now() - 40 * HOUR)
    name = "credits_ledger_proof_last_run_timestamp_seconds"
    assert time.time() - value(read(), name) < 60


def test_a_replicas_damage_counts_while_there_is_a_replica(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    note_proof(1, Variant(of_replica=True))
    note_proof(0, Variant(with_history=True))
    assert value(read(), "credits_ledger_proof_failed") == 0
    monkeypatch.setitem(settings.DATABASES, "replica", settings.DATABASES["default"])
    assert value(read(), "credits_ledger_proof_failed") == 1
    note_proof(0, Variant(of_replica=True, with_history=True))
    assert value(read(), "credits_ledger_proof_failed") == 0


def test_a_proof_that_cant_be_recorded_counts_all_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    run("ALTER TABLE monitoring_lastrun RENAME TO moved")
    try:
        call_command("check_ledger")
    finally:
        run("ALTER TABLE moved RENAME TO monitoring_lastrun")
    said = capsys.readouterr()
    assert "The ledger is intact" in said.out
    assert "couldn't be recorded for monitoring" in said.err


def test_a_reconciliation_counts_when_it_has_finished() -> None:
    expect_runs(["job:billing.reconcile_nightly"])
    LastRun.objects.update(first_seen_at=timezone.now() - 40 * HOUR)
    name = "credits_reconciliation_last_finished_timestamp_seconds"
    assert time.time() - value(read(), name) == pytest.approx(40 * 3600, abs=60)
    now = timezone.now()
    period = {"source": "nightly", "period_start": now - HOUR, "period_end": now}
    ReconciliationRun.objects.create(**period, status="failed", ended_at=now)
    assert time.time() - value(read(), name) == pytest.approx(40 * 3600, abs=60)
    ReconciliationRun.objects.create(**period, status="done", stage="", share=1, ended_at=now - HOUR)
    assert time.time() - value(read(), name) == pytest.approx(3600, abs=60)


@pytest.mark.parametrize(
    ("fields", "problems"),
    [
        ({}, []),
        ({"status": "disabled"}, ["disabled"]),
        ({"api_version": "2020-08-27", "status": "disabled"}, ["disabled", "api_version"]),
        ({"api_version": None}, ["api_version"]),
        ({"enabled_events": ["charge.updated"]}, ["events"]),
        ({"url": "https://elsewhere.example.com/webhook"}, ["missing"]),
    ],
)
def test_what_is_wrong_with_the_endpoint_is_recorded(
    sandbox: Sandbox, fields: dict[str, Any], problems: list[str]
) -> None:
    (endpoint,) = sandbox.objects("webhook_endpoint")
    sandbox.change_object("webhook_endpoint", endpoint["id"], fields)
    assert look_at_endpoint() == problems
    found = read()
    for problem in ("missing", "disabled", "api_version", "events", "unreadable"):
        assert value(found, "credits_webhook_endpoint_problem", problem=problem) == (problem in problems)


@pytest.mark.parametrize("order", [1, -1])
def test_of_two_endpoints_the_better_one_counts(order: int) -> None:
    version = settings_of_django.STRIPE_API_VERSION
    old = WebhookEndpoint("we_1", "", "disabled", version, livemode=False, events=["*"])
    incomplete = WebhookEndpoint("we_2", "", "enabled", version, livemode=False, events=["charge.updated"])
    assert problems_of([old, incomplete][::order]) == ["events"]


def test_a_stripe_that_doesnt_answer_changes_nothing_of_what_is_known(sandbox: Sandbox) -> None:
    note_run("webhook_endpoint", "disabled")
    LastRun.objects.update(ran_at=timezone.now() - HOUR)
    sandbox.fault(method="GET", path="/v1/webhook_endpoints", status=500, times=1)
    look_at_endpoint()
    found = read()
    assert value(found, "credits_webhook_endpoint_problem", problem="disabled") == 1
    assert time.time() - value(found, "credits_webhook_endpoint_checked_timestamp_seconds") > 3000
    sandbox.fault(method="GET", path="/v1/webhook_endpoints", status=403, times=1)
    assert look_at_endpoint() == ["unreadable"]


# --- When something fails ---------------------------------------------------------------------------------------------


def test_one_reading_that_fails_leaves_the_others_alone() -> None:
    run("ALTER TABLE inbox_inboxevent RENAME TO moved")
    try:
        found = read()
    finally:
        run("ALTER TABLE moved RENAME TO inbox_inboxevent")
    assert value(found, "credits_reading_up", reading="inbox") == 0
    assert value(found, "credits_reading_up", reading="jobs") == 1
    assert value(found, "credits_workers") == 0


def test_a_reading_that_takes_too_long_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readings, "STATEMENT_TIMEOUT_MS", 1000)
    holder = connection.copy()
    with holder.cursor() as cursor:
        cursor.execute("BEGIN; LOCK TABLE inbox_inboxevent")
        try:
            began = time.monotonic()
            found = read()
        finally:
            cursor.execute("ROLLBACK")
            holder.close()
    assert value(found, "credits_reading_up", reading="inbox") == 0
    assert value(found, "credits_reading_up", reading="periodic_jobs") == 1
    assert time.monotonic() - began < 20, "the table stays locked for good"


def test_without_the_database_the_counters_are_still_served() -> None:
    with database_away():
        connection.close()
        found = read()
    assert value(found, "credits_database_up") == 0
    assert value(found, "credits_reading_up", reading="inbox") == 0
    assert value(found, "credits_cache_up") == 1
    assert ("credits_checkouts_started_total", frozenset()) in found
