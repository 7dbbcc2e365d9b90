"""The ways in which a payment is reported, as the tests take them, and what came of it."""

from __future__ import annotations

import datetime
from typing import Any

from django.test import Client
from django.utils import timezone

from accounts.models import User
from billing.checkout.closing import Finding, Report
from billing.purchases.models import PurchaseEvent
from billing.reconciliation.models import ReconciliationFinding, ReconciliationRun
from billing.reconciliation.runs import begin_run, resume_run
from tests.support.sandbox import Sandbox

HOUR = datetime.timedelta(hours=1)


def show_success_page(user: User, session_id: str) -> str:
    client = Client()
    client.force_login(user)
    response = client.get("/credits/success", {"session_id": session_id})
    assert response.status_code == 200
    return response.content.decode()


def deliver(sandbox: Sandbox, **how: Any) -> list[int]:
    """Lets the held webhooks go; gives the status of each answer."""
    return [sending["answer"]["status"] for sending in sandbox.release_webhooks(**how)["released"]]


def run_reconciliation(
    start: datetime.datetime,
    end: datetime.datetime,
    source: ReconciliationRun.Source = ReconciliationRun.Source.STAFF,
    **more: Any,
) -> ReconciliationRun:
    return resume_run(begin_run(start, end, source).pk, **more)


def reconcile(start: datetime.datetime, end: datetime.datetime) -> Report:
    """What a run of the period finds."""
    run = run_reconciliation(start, end)
    return Report(run.sessions, run.purchases, findings(run, "repaired"), findings(run, "waiting"))


def reconcile_now() -> Report:
    return reconcile(timezone.now() - HOUR, timezone.now())


def findings(run: ReconciliationRun, state: str) -> list[Finding]:
    return [found(row) for row in run.findings.filter(state=state).order_by("id")]


def found(row: ReconciliationFinding) -> Finding:
    return Finding(row.kind, row.detail, str(row.purchase_id or ""), row.session_id)


def kinds(findings: list[Finding]) -> list[str]:
    return sorted(finding.kind for finding in findings)


def what_happened() -> list[tuple[str, str, str]]:
    """What, the status it led to, and who told, of every purchase's events in their order."""
    return list(PurchaseEvent.objects.order_by("id").values_list("what", "to_status", "source"))
