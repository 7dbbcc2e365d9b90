"""Run billing's jobs, deferred in `billing.deferring`. Each may run twice, even concurrently, and takes effect once."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from uuid import UUID

import structlog
from django.db import OperationalError
from procrastinate import JobContext
from procrastinate.contrib.django import app
from psycopg.errors import LockNotAvailable

from billing.auto_top_up import attempts, watching
from billing.checkout import scheduled_grants
from billing.customers import at_stripe
from billing.deferring import defer_reconciliation
from billing.errors import NothingToGoOnWith
from billing.gift_codes import delivery
from billing.inbox import retention
from billing.mail import (
    auto_top_up,
    card_expires,
    checkout_reminder,
    confirmation,
    gift_code,
    payment_failed,
    referral_rewarded,
    renewal_failed,
    reversals,
)
from billing.privacy import erasure
from billing.purchases.log import Source
from billing.purchases.models import PurchaseEvent
from billing.reconciliation import comparing, runs
from billing.recovery import reminding
from billing.referrals import rewarding
from billing.refunds import refunding
from billing.reporting import daily_figures, settled
from billing.setup import endpoint_watch
from billing.subscriptions import syncing
from billing.webhooks import mirroring, unmatched_events
from core.jobs.queues import MAIL, MONEY, STRIPE, UPKEEP
from core.jobs.retrying import PATIENTLY, PATIENTLY_IF_DATABASE_FAILS
from core.jobs.stalled import retry_stalled_jobs

log = structlog.get_logger(__name__)

KEEP_JOBS_HOURS = 7 * 24


@app.task(name="billing.send_confirmation", queue=MAIL, retry=PATIENTLY)
def send_confirmation(purchase_id: str) -> None:
    """Send the purchase's confirmation, once."""
    confirmation.send_purchase_confirmation(UUID(purchase_id))


@app.task(name="billing.send_payment_failed", queue=MAIL, retry=PATIENTLY)
def send_payment_failed(purchase_id: str) -> None:
    """Email the buyer that a delayed payment failed, once."""
    payment_failed.send_payment_failed_mail(UUID(purchase_id))


@app.task(name="billing.send_refund_mail", queue=MAIL, retry=PATIENTLY)
def send_refund_mail(refund_id: str) -> None:
    """Email the buyer about a refund, once."""
    reversals.send_refund_mail(UUID(refund_id))


@app.task(name="billing.tell_staff_of_dispute", queue=MAIL, retry=PATIENTLY)
def tell_staff_of_dispute(dispute_id: str) -> None:
    """Email staff about a new dispute, once."""
    reversals.tell_staff_of_dispute(UUID(dispute_id))


@app.task(name="billing.issue_refund", queue=STRIPE, priority=1, retry=PATIENTLY)
def issue_refund(refund_id: str) -> None:
    """Retry a refund whose answer from Stripe was never recorded."""
    refunding.issue_refund(UUID(refund_id), look_first=True)


@app.task(name="billing.sync_refunds", queue=STRIPE, retry=PATIENTLY)
def sync_refunds(payment_id: str) -> None:
    """Record every refund that Stripe has for a payment."""
    refunding.sync_refunds(UUID(payment_id))


@app.periodic(cron="* * * * * */10")
@app.task(
    name="billing.watch_auto_top_ups",
    queue=MONEY,
    queueing_lock="billing.watch_auto_top_ups",
    lock="billing.watch_auto_top_ups",
)
def watch_auto_top_ups(timestamp: int) -> None:
    """Ask for a top-up of each account that fell below its threshold."""
    watching.watch()


@app.periodic(cron="11 8 * * *")
@app.task(
    name="billing.warn_of_expiring_cards",
    queue=UPKEEP,
    queueing_lock="billing.warn_of_expiring_cards",
    lock="billing.warn_of_expiring_cards",
)
def warn_of_expiring_cards(timestamp: int) -> None:
    """Tell owners that the card which automatic top-up charges expires soon."""
    card_expires.warn_of_expiring_cards()


@app.task(name="billing.send_card_expires", queue=MAIL, retry=PATIENTLY)
def send_card_expires(method_id: str, user_id: str = "") -> None:
    """Email an account's owner that a card which something depends on expires: with a job for each recipient."""
    if user_id:
        card_expires.send_card_expires_mail(UUID(method_id), UUID(user_id))
    else:
        card_expires.announce_card_expires(UUID(method_id))


@app.task(name="billing.top_up", queue=STRIPE, retry=PATIENTLY)
def top_up(auto_top_up_id: int) -> None:
    """Top up an account below its threshold."""
    attempts.top_up(auto_top_up_id)


@app.task(name="billing.mail_auto_top_up", queue=MAIL, retry=PATIENTLY)
def mail_auto_top_up(auto_top_up_id: int, what: str, user_id: str = "") -> None:
    """Email the account's owner about its automatic top-up: with a job for each recipient."""
    if user_id:
        auto_top_up.send_auto_top_up_mail(auto_top_up_id, what, UUID(user_id))
    else:
        auto_top_up.announce_auto_top_up(auto_top_up_id, what)


@app.task(name="billing.sync_subscription", queue=STRIPE, retry=PATIENTLY)
def sync_subscription(subscription_id: str, stripe_subscription_id: str) -> None:
    """Take over what Stripe says of a subscription and its invoices, and grant what is paid."""
    syncing.sync_subscription(UUID(subscription_id), stripe_subscription_id)


@app.periodic(cron="41 * * * *")
@app.task(
    name="billing.sync_subscriptions",
    queue=UPKEEP,
    queueing_lock="billing.sync_subscriptions",
    lock="billing.sync_subscriptions",
)
def sync_subscriptions(timestamp: int) -> None:
    """Sync the subscriptions that something is due of, or that wasn't asked about for long."""
    syncing.defer_due_syncs()


@app.periodic(cron="*/10 * * * *")
@app.task(
    name="billing.grant_due",
    queue=MONEY,
    queueing_lock="billing.grant_due",
    lock="billing.grant_due",
)
def grant_due(timestamp: int) -> None:
    """Have the scheduled grants made that are due."""
    scheduled_grants.defer_due_grants()


@app.task(name="billing.grant_scheduled", queue=MONEY, retry=PATIENTLY)
def grant_scheduled(purchase_id: str) -> None:
    """Grant what is due of a purchase whose credits come in several lots."""
    scheduled_grants.grant_scheduled(UUID(purchase_id), Source(PurchaseEvent.Source.JOB))


@app.periodic(cron="*/5 * * * *")
@app.task(
    name="billing.watch_referrals",
    queue=MONEY,
    queueing_lock="billing.watch_referrals",
    lock="billing.watch_referrals",
)
def watch_referrals(timestamp: int) -> None:
    """Reward referrals that are due, and claw back those whose payment was refunded or disputed."""
    rewarding.watch_referrals()


@app.task(name="billing.send_referral_mail", queue=MAIL, retry=PATIENTLY)
def send_referral_mail(reward_id: str) -> None:
    """Email a user that they were rewarded for a referral, once."""
    referral_rewarded.send_referral_mail(UUID(reward_id))


@app.periodic(cron="*/5 * * * *")
@app.task(
    name="billing.remind_of_checkouts",
    queue=UPKEEP,
    queueing_lock="billing.remind_of_checkouts",
    lock="billing.remind_of_checkouts",
)
def remind_of_checkouts(timestamp: int) -> None:
    """Find expired checkouts to remind their buyers of."""
    reminding.defer_due_reminders()


@app.task(name="billing.send_checkout_reminder", queue=MAIL, retry=PATIENTLY_IF_DATABASE_FAILS)
def send_checkout_reminder(reminder_id: str) -> None:
    """Remind a buyer of an expired checkout, at most once: an email that the mail server didn't take isn't retried."""
    checkout_reminder.send_checkout_reminder(UUID(reminder_id))


@app.periodic(cron="* * * * *")
@app.task(
    name="billing.send_due_gifts",
    queue=UPKEEP,
    queueing_lock="billing.send_due_gifts",
    lock="billing.send_due_gifts",
)
def send_due_gifts(timestamp: int) -> None:
    """Have the emails of gifts sent whose day has come."""
    delivery.defer_due_gifts()


@app.task(name="billing.send_gift_code", queue=MAIL, retry=PATIENTLY)
def send_gift_code(gift_id: str) -> None:
    """Email a gift's code to its recipient, once."""
    gift_code.send_gift_code(UUID(gift_id))


@app.task(name="billing.send_renewal_failed", queue=MAIL, retry=PATIENTLY)
def send_renewal_failed(invoice_id: int) -> None:
    """Email the subscriber that an invoice couldn't be collected, once."""
    renewal_failed.send_renewal_failed_mail(invoice_id)


@app.task(name="billing.delete_customer", queue=STRIPE, retry=PATIENTLY)
def delete_customer(customer_id: str) -> None:
    """Delete an erased account's customer at Stripe."""
    at_stripe.delete_at_stripe(UUID(customer_id))


@app.periodic(cron="*/10 * * * *")
@app.task(
    name="billing.update_customers",
    queue=STRIPE,
    queueing_lock="billing.update_customers",
    lock="billing.update_customers",
)
def update_customers(timestamp: int) -> None:
    """Send Stripe the names and addresses of customers that changed here."""
    at_stripe.update_customers()


@app.task(name="billing.mirror_event", queue=STRIPE, retry=PATIENTLY)
def mirror_event(event_id: str) -> None:
    """Hand a stored event to dj-stripe's mirror."""
    mirroring.mirror_stored_event(event_id)


@app.periodic(cron="* * * * *")
@app.task(
    name="billing.look_again", queue=MONEY, queueing_lock="billing.look_again", lock="billing.look_again"
)
def look_again(timestamp: int) -> None:
    """Apply events whose payment has become known; close those that aren't ours."""
    unmatched_events.look_again()


@app.periodic(cron="29 * * * *")
@app.task(
    name="billing.look_at_endpoint",
    queue=STRIPE,
    queueing_lock="billing.look_at_endpoint",
    lock="billing.look_at_endpoint",
)
def look_at_endpoint(timestamp: int) -> None:
    """Ask Stripe whether our webhook endpoint is enabled and of our API version."""
    endpoint_watch.look_at_endpoint()


@app.periodic(cron="*/5 * * * *")
@app.task(name="billing.sweep", queue=MONEY, queueing_lock="billing.sweep", lock="billing.sweep")
def sweep(timestamp: int) -> None:
    """Check long-open purchases with Stripe, and close or fulfil them."""
    comparing.sweep_open_purchases()


@app.periodic(cron="* * * * *")
@app.task(
    name="billing.count_figures",
    queue=UPKEEP,
    queueing_lock="billing.count_figures",
    lock="billing.count_figures",
)
def count_figures(timestamp: int) -> None:
    """Update the daily figures; a minute later if somebody compares or recounts all of them now."""
    try:
        daily_figures.bring_figures_up_to_date()
    except OperationalError as error:
        if not isinstance(error.__cause__, LockNotAvailable):
            raise
        log.info("figures_counted_later", reason=str(error).partition("\n")[0])


@app.periodic(cron="53 * * * *")
@app.task(
    name="billing.fetch_movements",
    queue=STRIPE,
    queueing_lock="billing.fetch_movements",
    lock="billing.fetch_movements",
)
def fetch_movements(timestamp: int) -> None:
    """Store what moved on the seller's balance, for figures in the reporting currency."""
    settled.fetch_movements()


@app.periodic(cron="23 3 * * *")
@app.task(
    name="billing.reconcile_nightly",
    queue=UPKEEP,
    queueing_lock="billing.reconcile_nightly",
    lock="billing.reconcile_nightly",
)
def reconcile_nightly(timestamp: int) -> None:
    """Begin tonight's reconciliation and resume runs that stopped within the last week."""
    runs.give_up_old_runs()
    runs.begin_nightly_run(datetime.fromtimestamp(timestamp, tz=UTC))
    for run_id in runs.runs_to_resume().values_list("pk", flat=True):
        defer_reconciliation(run_id)


@app.task(name="billing.work_on_reconciliation", queue=STRIPE, retry=PATIENTLY)
def work_on_reconciliation(run_id: int) -> None:
    """Resume a reconciliation where it stopped, unless it is finished."""
    with suppress(NothingToGoOnWith):
        runs.resume_run(run_id)


@app.periodic(cron="37 * * * *")
@app.task(
    name="billing.forget_events",
    queue=UPKEEP,
    queueing_lock="billing.forget_events",
    lock="billing.forget_events",
)
def forget_events(timestamp: int) -> None:
    """Delete events that were processed long ago."""
    retention.forget_old_events()


@app.task(name="billing.hide_late_copies", queue=UPKEEP, retry=PATIENTLY)
def hide_late_copies(user_id: str) -> None:
    """Redact personal data that arrived during the user's erasure."""
    erasure.hide_late_copies(UUID(user_id))


@app.periodic(cron="* * * * *")
@app.task(
    name="billing.retry_stalled", queue=UPKEEP, queueing_lock="billing.retry_stalled", pass_context=True
)
async def retry_stalled(context: JobContext, timestamp: int) -> None:
    """Requeue the jobs of dead workers."""
    await retry_stalled_jobs(context.app.job_manager)


@app.periodic(cron="17 4 * * *")
@app.task(
    name="billing.forget_old_jobs", queue=UPKEEP, queueing_lock="billing.forget_old_jobs", pass_context=True
)
async def forget_old_jobs(context: JobContext, timestamp: int) -> None:
    """Delete jobs that succeeded `KEEP_JOBS_HOURS` ago. Failed ones stay for staff to see."""
    await context.app.job_manager.delete_old_jobs(nb_hours=KEEP_JOBS_HOURS)
