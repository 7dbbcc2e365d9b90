"""Background work. Jobs live in PostgreSQL: one that is deferred inside a transaction commits or rolls back with it."""

from __future__ import annotations

from uuid import UUID

from procrastinate import JobContext, RetryStrategy
from procrastinate.contrib.django import app

from billing.stripe_objects import StripeEvent
from config.queues import MAIL, MONEY, STRIPE, UPKEEP

# Seconds after each failure: 10, 310, 610, …: some two days in all, like Stripe's own retries.
PATIENTLY = RetryStrategy(max_attempts=35, wait=10, linear_wait=300)

KEEP_JOBS_HOURS = 7 * 24


@app.task(name="billing.send_confirmation", queue=MAIL, retry=PATIENTLY)
def send_confirmation(purchase_id: str) -> None:
    """Sends the purchase's confirmation, once."""
    from billing.confirmation import send_purchase_confirmation

    send_purchase_confirmation(UUID(purchase_id))


@app.task(name="billing.issue_refund", queue=STRIPE, priority=1, retry=PATIENTLY)
def issue_refund(refund_id: str) -> None:
    """Asks Stripe for a refund again whose answer nobody recorded."""
    from billing.refunds import issue_refund

    issue_refund(UUID(refund_id), look_first=True)


def issue_refund_later(refund_id: UUID) -> None:
    """Defers `issue_refund`: who asked for the refund asks Stripe at once, and this is for when that process dies."""
    issue_refund.configure(schedule_in={"seconds": 60}, lock=f"refund:{refund_id}").defer(
        refund_id=str(refund_id)
    )


@app.task(name="billing.sync_refunds", queue=STRIPE, retry=PATIENTLY)
def sync_refunds(payment_id: str) -> None:
    """Records every refund that Stripe has of a payment."""
    from billing.refunds import sync_refunds

    sync_refunds(UUID(payment_id))


@app.periodic(cron="* * * * *")
@app.task(
    name="billing.look_again", queue=MONEY, queueing_lock="billing.look_again", lock="billing.look_again"
)
def look_again(timestamp: int) -> None:
    """Applies events that waited for a payment which is known by now; others turn out not to be ours."""
    from billing.unmatched_events import look_again

    look_again()


@app.task(name="billing.send_refund_mail", queue=MAIL, retry=PATIENTLY)
def send_refund_mail(refund_id: str) -> None:
    """Tells the buyer of a refund, once."""
    from billing.return_mail import send_refund_mail

    send_refund_mail(UUID(refund_id))


@app.task(name="billing.tell_staff_of_dispute", queue=MAIL, retry=PATIENTLY)
def tell_staff_of_dispute(dispute_id: str) -> None:
    """Tells staff of a new dispute, once."""
    from billing.return_mail import tell_staff_of_dispute

    tell_staff_of_dispute(UUID(dispute_id))


@app.task(name="billing.send_payment_failed", queue=MAIL, retry=PATIENTLY)
def send_payment_failed(purchase_id: str) -> None:
    """Tells the buyer that a delayed payment failed, once."""
    from billing.failure_mail import send_payment_failed_mail

    send_payment_failed_mail(UUID(purchase_id))


@app.task(name="billing.mirror_event", queue=STRIPE, retry=PATIENTLY)
def mirror_event(event_id: str) -> None:
    """Hands a stored event to dj-stripe's mirror."""
    from billing.mirroring import mirror_stored_event

    mirror_stored_event(event_id)


@app.periodic(cron="*/5 * * * *")
@app.task(name="billing.sweep", queue=MONEY, queueing_lock="billing.sweep", lock="billing.sweep")
def sweep(timestamp: int) -> None:
    """Settles purchases that have been open for too long (see `billing.reconciliation`)."""
    from billing.reconciliation import sweep_open_purchases

    sweep_open_purchases()


@app.periodic(cron="* * * * *")
@app.task(
    name="billing.count_figures",
    queue=UPKEEP,
    queueing_lock="billing.count_figures",
    lock="billing.count_figures",
)
def count_figures(timestamp: int) -> None:
    """Counts what came and changed into the figures by day (see `billing.daily_figures`)."""
    from billing.daily_figures import bring_figures_up_to_date

    bring_figures_up_to_date()


@app.periodic(cron="23 3 * * *")
@app.task(
    name="billing.reconcile_nightly",
    queue=UPKEEP,
    queueing_lock="billing.reconcile_nightly",
    lock="billing.reconcile_nightly",
)
def reconcile_nightly(timestamp: int) -> None:
    """Begins this night's comparison with Stripe, and takes up those that stopped within a week."""
    from datetime import UTC, datetime

    from billing.reconciliation_runs import begin_nightly_run, give_up_old_runs, runs_to_take_up

    give_up_old_runs()
    begin_nightly_run(datetime.fromtimestamp(timestamp, tz=UTC))
    for run_id in runs_to_take_up().values_list("pk", flat=True):
        work_on_reconciliation.defer(run_id=run_id)


@app.task(name="billing.work_on_reconciliation", queue=STRIPE, retry=PATIENTLY)
def work_on_reconciliation(run_id: int) -> None:
    """Compares with Stripe from where the run stands. After a failure it goes on; one that is done stays done."""
    from contextlib import suppress

    from billing.errors import NothingToGoOnWith
    from billing.reconciliation_runs import go_on

    with suppress(NothingToGoOnWith):
        go_on(run_id)


@app.periodic(cron="* * * * *")
@app.task(
    name="billing.retry_stalled", queue=UPKEEP, queueing_lock="billing.retry_stalled", pass_context=True
)
async def retry_stalled(context: JobContext, timestamp: int) -> None:
    """Gives the jobs of a worker that died to the living. Every job here may run twice; none may be lost."""
    manager = context.app.job_manager
    for job in await manager.get_stalled_jobs():
        await manager.retry_job(job)


@app.periodic(cron="17 4 * * *")
@app.task(
    name="billing.forget_old_jobs", queue=UPKEEP, queueing_lock="billing.forget_old_jobs", pass_context=True
)
async def forget_old_jobs(context: JobContext, timestamp: int) -> None:
    """Removes jobs that went well some days ago. Failed ones stay for staff to see."""
    await context.app.job_manager.delete_old_jobs(nb_hours=KEEP_JOBS_HOURS)


@app.periodic(cron="37 * * * *")
@app.task(
    name="billing.forget_events",
    queue=UPKEEP,
    queueing_lock="billing.forget_events",
    lock="billing.forget_events",
)
def forget_events(timestamp: int) -> None:
    """Forgets events that were applied long ago (see `billing.retention`)."""
    from billing.retention import forget_old_events

    forget_old_events()


@app.task(name="billing.hide_late_copies", queue=UPKEEP, retry=PATIENTLY)
def hide_late_copies(user_id: str) -> None:
    """Hides personal data of an erased buyer that came in while they were erased."""
    from billing.erasure import hide_late_copies

    hide_late_copies(UUID(user_id))


def hide_late_copies_later(user_id: UUID) -> None:
    """Defers `hide_late_copies` until whatever was being written at this moment stands there."""
    hide_late_copies.configure(schedule_in={"minutes": 10}, lock=f"erased:{user_id}").defer(
        user_id=str(user_id)
    )


def defer_mirroring(event: StripeEvent) -> None:
    """Defers `mirror_event` for an event whose object dj-stripe mirrors. The same object's events take turns."""
    from billing.stripe_mirror import is_mirrored

    if is_mirrored(event.type):
        mirror_event.configure(lock=f"mirror:{event.subject.get('id', event.id)}").defer(event_id=event.id)
