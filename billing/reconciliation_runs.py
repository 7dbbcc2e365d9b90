"""Comparisons with Stripe that are kept: each with its period, what it found, and what staff did about it."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from uuid import UUID

import structlog
from django.db import transaction
from django.utils import timezone

from billing.errors import BillingError, NotRepairable
from billing.fulfilment import grant_missing_credits
from billing.models import Purchase, PurchaseEvent, ReconciliationFinding, ReconciliationRun
from billing.purchase_log import Told
from billing.reconciliation import Finding, Report, reconcile
from billing.repair import rerun_fulfilment

log = structlog.get_logger(__name__)
State = ReconciliationFinding.State
Status = ReconciliationRun.Status

# A night's run looks further back than a day: what a run before it could not ask about is asked about again.
NIGHTLY = datetime.timedelta(days=3)
# Longer than any comparison takes; one that still says that it runs has died.
LONGEST_RUN = datetime.timedelta(hours=12)
CREDITS_ARE_MISSING = "completed_without_credits"


def run_reconciliation(
    start: datetime.datetime,
    end: datetime.datetime,
    source: ReconciliationRun.Source,
    *,
    asked_by: UUID | None = None,
    progress: Callable[[float], None] = lambda share: None,
) -> tuple[ReconciliationRun, Report]:
    """`reconcile`, kept as a run with its findings.

    Raises:
        StripeUnavailable, StripeRefused: the run is kept as failed, with what it found until then.
    """
    _end_abandoned_runs()
    run = ReconciliationRun.objects.create(
        source=source, asked_by=asked_by, period_start=start, period_end=end
    )
    report = Report()

    def tell(share: float) -> None:
        progress(share)
        if share - run.share >= 0.01:
            run.share = share
            run.save(update_fields=["share"])

    try:
        reconcile(start, end, tell, report)
    except Exception as error:
        message = error.message if isinstance(error, BillingError) else type(error).__name__
        _end(run, report, Status.FAILED, message)
        raise
    _end(run, report, Status.DONE)
    return run, report


def repair_finding(finding_id: int, actor_id: UUID) -> ReconciliationFinding:
    """Does again what a webhook would have done, and looks whether that settled it. Safe to repeat.

    Raises:
        NotRepairable: it is settled already, or nothing here can do anything about it.
        SessionNotFound, StripeUnavailable, StripeRefused: as `billing.repair.rerun_fulfilment`.
    """
    finding = ReconciliationFinding.objects.select_related("purchase").get(pk=finding_id)
    if finding.state != State.WAITING:
        raise NotRepairable("It is settled already.")
    if not is_repairable(finding) or finding.purchase is None:
        raise NotRepairable("Only a person can settle this: the guide says how.")
    if finding.kind == CREDITS_ARE_MISSING:
        grant_missing_credits(finding.purchase.pk, Told(PurchaseEvent.Source.STAFF, actor_id=actor_id))
        is_settled = True
    else:
        purchase = rerun_fulfilment(finding.purchase.pk, actor_id)
        is_settled = purchase.is_credited and not purchase.attention
    if is_settled:
        _settle(finding, actor_id)
    return finding


def settle_finding(finding_id: int, actor_id: UUID) -> ReconciliationFinding:
    """Marks a finding that staff have settled elsewhere. A second one to say so changes nothing."""
    finding = ReconciliationFinding.objects.get(pk=finding_id)
    if finding.state == State.WAITING:
        _settle(finding, actor_id)
    return finding


def is_repairable(finding: ReconciliationFinding) -> bool:
    """Whether asking Stripe again, or granting what is missing, can settle it."""
    attention = [value for value in Purchase.Attention.values if value and value != "paid_twice"]
    return finding.purchase_id is not None and finding.kind in {*attention, CREDITS_ARE_MISSING}


def _end_abandoned_runs() -> None:
    """Whose process died can't say so itself."""
    abandoned = ReconciliationRun.objects.filter(
        status=Status.RUNNING, started_at__lt=timezone.now() - LONGEST_RUN
    )
    abandoned.update(status=Status.FAILED, failure="Its process ended.", ended_at=timezone.now())


def _settle(finding: ReconciliationFinding, actor_id: UUID) -> None:
    waiting = ReconciliationFinding.objects.filter(pk=finding.pk, state=State.WAITING)
    waiting.update(state=State.SETTLED, settled_by=actor_id, settled_at=timezone.now())
    finding.refresh_from_db()


def _end(run: ReconciliationRun, report: Report, status: Status, failure: str = "") -> None:
    run.status, run.failure, run.ended_at = status, failure[:300], timezone.now()
    run.sessions, run.purchases = report.sessions, report.purchases
    run.share = 1 if status == Status.DONE else run.share
    rows = [_row(run, found, State.REPAIRED) for found in report.repaired]
    rows += [_row(run, found, State.WAITING) for found in report.open]
    with transaction.atomic():
        run.save()
        ReconciliationFinding.objects.bulk_create(rows, batch_size=1000)
    log.info("reconciled", run=run.pk, status=status, repaired=len(report.repaired), waiting=len(report.open))


def _row(run: ReconciliationRun, found: Finding, state: State) -> ReconciliationFinding:
    return ReconciliationFinding(
        run=run,
        kind=found.kind,
        detail=found.detail[:300],
        purchase_id=found.purchase_id or None,
        session_id=found.session_id,
        state=state,
    )
