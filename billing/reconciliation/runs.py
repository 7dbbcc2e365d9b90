"""Run comparisons with Stripe that can be interrupted, and keep their issues.

Each page's result is committed with the start of the next page, so a stopped run continues there and finds nothing
twice. A repair is committed in its own transaction: a page compared again finds it done. A process holds a lease on
its run, renewed as it goes and checked by each commit: a time in the row, not a session lock, which a pooler in
transaction mode would lose.
"""

from __future__ import annotations

import datetime
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from uuid import UUID, uuid4

import structlog
from django.db import transaction
from django.db.models import Case, F, Q, QuerySet, Value, When
from django.db.models.functions import Coalesce, Now
from django.utils import timezone

from billing.checkout.closing import Finding
from billing.errors import BillingError, NothingToGoOnWith, ReconciliationBusy
from billing.reconciliation.comparing import compare_page
from billing.reconciliation.models import (
    ReconciliationFinding,
    ReconciliationRun,
    SeenPurchase,
    SeenSubscription,
)
from billing.reconciliation.page import Page

log = structlog.get_logger(__name__)
State = ReconciliationFinding.State
Status = ReconciliationRun.Status
Stage = ReconciliationRun.Stage

# A nightly run looks back further than a day, to repeat what an earlier run couldn't ask about.
NIGHTLY = datetime.timedelta(days=3)
# A process silent for longer counts as dead; longer than any one call to Stripe takes with its retries.
LEASE = datetime.timedelta(minutes=5)
RENEW_AFTER_SECONDS = 60
# An unfinished run is given up after this long: later ones have compared the same.
GIVE_UP_AFTER = datetime.timedelta(days=7)
# The start and end of each stage, as estimated shares of the whole.
SHARES = {
    Stage.SESSIONS: (0.0, 0.4),
    Stage.INVOICES: (0.4, 0.5),
    Stage.PAYMENTS: (0.5, 0.6),
    Stage.PURCHASES: (0.6, 0.8),
    Stage.SUBSCRIPTIONS: (0.8, 0.85),
    Stage.OWN_SUBSCRIPTIONS: (0.85, 0.9),
    Stage.REFUNDS: (0.9, 0.95),
    Stage.DISPUTES: (0.95, 1.0),
}

Progress = Callable[[ReconciliationRun], None]


def begin_run(
    start: datetime.datetime,
    end: datetime.datetime,
    source: ReconciliationRun.Source,
    *,
    asked_by: UUID | None = None,
) -> ReconciliationRun:
    """Create a run of a period for `resume_run`; it ends now at the latest, as later changes are a later run's."""
    return ReconciliationRun.objects.create(
        source=source, asked_by=asked_by, period_start=start, period_end=min(end, timezone.now())
    )


def begin_nightly_run(night: datetime.datetime) -> ReconciliationRun:
    """Return the run of this night, which exists if its job is repeated."""
    return ReconciliationRun.objects.get_or_create(
        source=ReconciliationRun.Source.NIGHTLY, period_start=night - NIGHTLY, period_end=night
    )[0]


def runs_to_resume() -> QuerySet[ReconciliationRun, ReconciliationRun]:
    """Return unfinished runs that no process holds, the oldest first."""
    free = Q(lease_until=None) | Q(lease_until__lt=timezone.now())
    return ReconciliationRun.objects.filter(free).exclude(stage="").order_by("id")


def give_up_old_runs() -> int:
    """End runs unfinished for a week, delete what they had seen, and return how many there were."""
    old = runs_to_resume().filter(started_at__lt=timezone.now() - GIVE_UP_AFTER)
    with transaction.atomic():
        given_up = list(old.select_for_update().values_list("pk", flat=True))
        ReconciliationRun.objects.filter(pk__in=given_up).update(
            stage="",
            cursor="",
            status=Status.FAILED,
            failure=Case(When(failure="", then=Value("The process stopped.")), default=F("failure")),
            ended_at=Coalesce("ended_at", Now()),
            worked_by=None,
            lease_until=None,
        )
        _forget_seen(given_up)
    return len(given_up)


def _forget_seen(run_ids: list[int]) -> None:
    SeenPurchase.objects.filter(run_id__in=run_ids).delete()
    SeenSubscription.objects.filter(run_id__in=run_ids).delete()


def last_that_stopped() -> int:
    """Return the latest unfinished run that no process holds.

    Raises:
        NothingToGoOnWith: there is none.
    """
    run_id = runs_to_resume().values_list("pk", flat=True).last()
    if run_id is None:
        raise NothingToGoOnWith("There is no interrupted reconciliation.")
    return run_id


def resume_run(run_id: int, progress: Progress = lambda run: None) -> ReconciliationRun:
    """Work on a run from its position to its end. ``progress`` is called after each page.

    Raises:
        ReconciliationBusy: another process works on it, or took it over.
        NothingToGoOnWith: it is done.
        StripeUnavailable, StripeRefused: it stopped, keeps the reason, and can be resumed.
    """
    work = _take(run_id)
    try:
        while work.run.stage:
            page = _next_page(work)
            compare_page(page)
            _keep(work, page)
            progress(work.run)
    except BaseException as error:
        # Whatever the error, Ctrl-C included: the next process needn't wait for the lease to expire.
        _stop(work, error)
        raise
    log.info("reconciled", run=run_id, sessions=work.run.sessions, purchases=work.run.purchases)
    return work.run


@dataclass
class _Work:
    run: ReconciliationRun
    worker: UUID
    renewed: float

    @property
    def mine(self) -> QuerySet[ReconciliationRun, ReconciliationRun]:
        return ReconciliationRun.objects.filter(pk=self.run.pk, worked_by=self.worker)

    def renew(self) -> None:
        if time.monotonic() - self.renewed >= RENEW_AFTER_SECONDS:
            _require(self.mine.update(lease_until=Now() + LEASE))
            self.renewed = time.monotonic()


@dataclass(kw_only=True)
class _KeptPage(Page):
    def note_repair(self, finding: Finding) -> None:
        _row(self.run_id, finding, State.REPAIRED).save()


def _take(run_id: int) -> _Work:
    worker = uuid4()
    # Uses the database's clock: those of two machines may differ.
    free = Q(lease_until=None) | Q(lease_until__lt=Now())
    taken = ReconciliationRun.objects.filter(free, pk=run_id).exclude(stage="")
    changes = {"status": Status.RUNNING, "failure": "", "ended_at": None}
    is_taken = taken.update(worked_by=worker, lease_until=Now() + LEASE, **changes)
    run = ReconciliationRun.objects.get(pk=run_id)
    if not is_taken and not run.stage:
        raise NothingToGoOnWith("This reconciliation has finished; there is nothing to resume.", run=run_id)
    _require(is_taken)
    return _Work(run, worker, time.monotonic())


def _require(rows: int) -> None:
    if not rows:
        minutes = int(LEASE.total_seconds() // 60)
        raise ReconciliationBusy(
            f"Another process is running it, or stopped less than {minutes} minutes ago. Try again later."
        )


def _next_page(work: _Work) -> Page:
    run = work.run
    return _KeptPage(
        run_id=run.pk,
        start=run.period_start,
        end=run.period_end,
        stage=run.stage,
        cursor=run.cursor,
        beat=work.renew,
    )


def _keep(work: _Work, page: Page) -> None:
    run = work.run
    is_done = not page.stage
    changes: dict[str, object] = {"lease_until": Now() + LEASE}
    if is_done:
        changes = {"lease_until": None, "worked_by": None, "status": Status.DONE, "ended_at": Now()}
    with transaction.atomic():
        rows = work.mine.update(
            stage=page.stage,
            cursor=page.cursor,
            share=_share(run, page),
            sessions=F("sessions") + page.sessions,
            purchases=F("purchases") + page.purchases,
            payments=F("payments") + page.payments,
            invoices=F("invoices") + page.invoices,
            subscriptions=F("subscriptions") + page.subscriptions,
            **changes,
        )
        _require(rows)
        for found in page.open:
            _wait(run.pk, found)
        SeenPurchase.objects.bulk_create(
            [SeenPurchase(run_id=run.pk, purchase_id=purchase_id) for purchase_id in page.seen],
            ignore_conflicts=True,
        )
        SeenSubscription.objects.bulk_create(
            [SeenSubscription(run_id=run.pk, subscription_id=each) for each in page.seen_subscriptions],
            ignore_conflicts=True,
        )
        if is_done:
            _forget_seen([run.pk])
    work.renewed = time.monotonic()
    run.refresh_from_db()


def _share(run: ReconciliationRun, page: Page) -> float:
    """Return the share that is done, by how much of the period the stage has covered, newest first."""
    if not page.stage:
        return 1.0
    begins, ends = SHARES[Stage(page.stage)]
    if page.stage != run.stage or page.reached is None:
        return begins
    covered = (run.period_end - page.reached) / (run.period_end - run.period_start)
    return begins + (ends - begins) * min(1.0, max(0.0, covered))


def _stop(work: _Work, error: BaseException) -> None:
    """Release the run with the reason, unless another process has taken it over."""
    reason = error.for_staff if isinstance(error, BillingError) else type(error).__name__
    log.warning("reconciliation_stopped", run=work.run.pk, reason=reason)
    with suppress(Exception):  # without the database, the lease expires anyway
        work.mine.update(
            status=Status.FAILED,
            failure=reason[:300],
            ended_at=Now(),
            worked_by=None,
            lease_until=None,
        )


def _wait(run_id: int, found: Finding) -> None:
    """Open an issue, or update the open one with the same key, which a run does once."""
    waiting = ReconciliationFinding.objects.filter(key=found.key, state=State.WAITING).exclude(run_id=run_id)
    again = {"run_id": run_id, "detail": found.detail[:300], "found_at": Now(), "times": F("times") + 1}
    if not waiting.update(**again):
        # This run has found it already, or another finds it at the same moment.
        ReconciliationFinding.objects.bulk_create([_row(run_id, found, State.WAITING)], ignore_conflicts=True)


def _row(run_id: int, found: Finding, state: State) -> ReconciliationFinding:
    return ReconciliationFinding(
        run_id=run_id,
        key=found.key,
        kind=found.kind,
        detail=found.detail[:300],
        purchase_id=found.purchase_id or None,
        subscription_id=found.subscription_id or None,
        session_id=found.session_id,
        state=state,
    )
