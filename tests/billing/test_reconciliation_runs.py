"""Each comparison with Stripe is kept with what it found; staff repair what waits, by the webhook's own functions."""

from __future__ import annotations

import datetime
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.utils import timezone
from procrastinate.contrib.django.models import ProcrastinateJob

from accounts.models import User
from billing.errors import NotRepairable
from billing.purchases.models import Purchase
from billing.reconciliation.findings import repair_finding, resolve_finding
from billing.reconciliation.models import ReconciliationFinding, ReconciliationRun
from billing.tasks import reconcile_nightly
from credits.ledger.models import Entry
from tests.admin.pages import button_of, history_of, list_of, messages_after, page_of, press, read
from tests.billing.books import check_settled_books
from tests.billing.reporting import HOUR, run_reconciliation
from tests.billing.worker import run_worker
from tests.support.builders import UserFactory, put_on_sale, start
from tests.support.emptying import empty_tables
from tests.support.sandbox import Sandbox

pytestmark = pytest.mark.django_db(transaction=True)

COMPARE = "/admin/reconciliation/reconciliationrun/compare/"


@pytest.fixture(autouse=True)
def _shop(sandbox: Sandbox, settings: Any) -> None:
    put_on_sale()
    sandbox.hold_webhooks()
    settings.SWEEP_AFTER = datetime.timedelta(0)


@pytest.fixture
def paid(sandbox: Sandbox) -> Purchase:
    """Paid at Stripe, and we have not been told."""
    started = start(UserFactory.create(), "standard")
    sandbox.pay(started.session_id)
    return started.purchase


@pytest.fixture
def held_back(paid: Purchase) -> ReconciliationFinding:
    """Its price was changed here by mistake, so that what was paid doesn't agree."""
    Purchase.objects.update(price_minor=1)
    run()
    return ReconciliationFinding.objects.get()


def run() -> ReconciliationRun:
    return run_reconciliation(timezone.now() - HOUR, timezone.now())


def state(finding: ReconciliationFinding) -> str:
    return ReconciliationFinding.objects.get(pk=finding.pk).state


def test_a_run_keeps_what_it_compared_and_what_it_repaired(sandbox: Sandbox, paid: Purchase) -> None:
    made = run()

    assert (made.status, made.share, made.sessions, made.purchases) == ("done", 1, 1, 1)
    assert made.ended_at is not None
    (finding,) = made.findings.all()
    assert (finding.kind, finding.state, finding.purchase) == ("paid_not_credited", "repaired", paid)
    check_settled_books(sandbox)


def test_the_command_and_both_jobs_keep_their_runs(
    paid: Purchase, as_superuser: Client, superuser: User
) -> None:
    call_command("reconcile", stdout=None)
    tonight = int(timezone.now().timestamp())
    for _ in range(2):  # the job of a worker that died runs again
        reconcile_nightly(timestamp=tonight)
    as_superuser.post(COMPARE, {"_form_submitted": "True", "days": "7"})
    run_worker()

    runs = list(ReconciliationRun.objects.order_by("id"))
    assert [(made.source, made.status) for made in runs] == [
        ("command", "done"), ("nightly", "done"), ("staff", "done"),
    ]  # fmt: skip
    assert (runs[1].period_end - runs[1].period_start).days == 3
    assert (runs[2].period_end - runs[2].period_start).days == 7
    assert runs[2].asked_by == superuser.pk
    assert sum(made.findings.count() for made in runs) == 1


def test_a_repair_settles_what_agrees_by_now(held_back: ReconciliationFinding, superuser: User) -> None:
    assert (held_back.kind, held_back.state) == ("amount_differs", "waiting")
    repair_finding(held_back.pk, superuser.pk)
    assert state(held_back) == "waiting", "Stripe still says the same"

    Purchase.objects.update(price_minor=4500)
    repaired = repair_finding(held_back.pk, superuser.pk)
    assert (repaired.state, repaired.settled_by) == ("settled", superuser.pk)
    assert Purchase.objects.get().is_credited
    with pytest.raises(NotRepairable):
        repair_finding(held_back.pk, superuser.pk)


def test_credits_that_the_ledger_lost_are_granted_once(
    sandbox: Sandbox, paid: Purchase, superuser: User
) -> None:
    run()
    with connection.cursor() as cursor:
        cursor.execute(
            "BEGIN; SET LOCAL session_replication_role = replica; DELETE FROM credits_entry;"
            "DELETE FROM credits_lot; UPDATE credits_account SET balance = 0, version = 0; COMMIT;"
        )
    run()
    finding = ReconciliationFinding.objects.get(state="waiting")
    assert finding.kind == "completed_without_credits"
    repair_finding(finding.pk, superuser.pk)

    assert Entry.objects.get().key == paid.grant_key
    assert state(finding) == "settled"
    check_settled_books(sandbox)


def test_what_only_a_person_can_settle_is_not_repaired(
    sandbox: Sandbox, paid: Purchase, superuser: User
) -> None:
    """Another installation's checkout, or a lost database."""
    empty_tables()
    put_on_sale()
    run()
    finding = ReconciliationFinding.objects.get()
    assert (finding.kind, finding.purchase) == ("session_unknown", None)
    with pytest.raises(NotRepairable):
        repair_finding(finding.pk, superuser.pk)
    resolve_finding(finding.pk, superuser.pk)
    assert state(finding) == "settled"


# --- In the back office


def test_compare_now_begins_a_run_of_so_many_days(as_superuser: Client, superuser: User) -> None:
    answer = as_superuser.post(COMPARE, {"_form_submitted": "True", "days": "30"})

    assert answer.status_code == 302
    made = ReconciliationRun.objects.get()
    assert ((made.period_end - made.period_start).days, made.asked_by) == (30, superuser.pk)
    (job,) = ProcrastinateJob.objects.filter(task_name="billing.work_on_reconciliation")
    assert job.args == {"run_id": made.pk}
    assert "Queued" in read(as_superuser, list_of(ReconciliationRun))


def test_the_pages_show_runs_and_findings_and_the_button_repairs(
    as_superuser: Client, held_back: ReconciliationFinding
) -> None:
    assert "Amount differs" in read(as_superuser, list_of(ReconciliationFinding), state__exact="waiting")
    assert "1 amount differs" in read(as_superuser, page_of(held_back.run))
    assert page_of(held_back.run) in read(as_superuser, list_of(ReconciliationRun))
    Purchase.objects.update(price_minor=4500)
    answer = press(as_superuser, held_back, "repair")

    assert messages_after(answer) == ["Issue closed."]
    assert history_of(held_back) == [("stella", "Repaired")]
    assert button_of(held_back, "repair") not in read(as_superuser, page_of(held_back))


def test_who_may_only_look_repairs_and_begins_nothing(
    as_clerk: Client, held_back: ReconciliationFinding
) -> None:
    assert press(as_clerk, held_back, "repair").status_code == 403
    assert press(as_clerk, held_back, "settle").status_code == 403
    assert as_clerk.post(COMPARE, {"days": "1"}).status_code == 403
    assert state(held_back) == "waiting"
