"""Take over what Stripe says of a subscription and its invoices: the only way that either changes here.

Events only say that something happened. Their job, the page that the subscriber lands on and the hourly look all come
here, in any order, repeatedly and concurrently; Stripe is asked for the state as it is now, so none of that matters.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone

from billing.deferring import defer_subscription_sync
from billing.errors import NoTerms, SessionNotFound
from billing.plans.models import Plan
from billing.provider import provider
from billing.provider.objects import ProviderInvoice, ProviderSubscription
from billing.purchases.log import Source
from billing.purchases.models import PurchaseEvent
from billing.subscriptions.invoices import keep_invoice
from billing.subscriptions.models import Subscription, Terms

log = structlog.get_logger(__name__)
Status = Subscription.Status

JOB = Source(PurchaseEvent.Source.JOB)
# How long a subscription that nothing was heard of stays unasked, and one that something is due of.
QUIET, DUE = timedelta(days=1), timedelta(hours=1)
AT_ONCE = 500
# What Stripe's state replaces.
CHANGING = [
    "stripe_price_id", "stripe_subscription_id", "stripe_item_id", "status", "period_start", "period_end",
    "cancel_at_period_end", "ended_at", "asked_at",
]  # fmt: skip


def sync_subscription(
    subscription_id: UUID, stripe_subscription_id: str = "", source: Source = JOB
) -> Subscription:
    """Bring a subscription and its invoices up to date with Stripe, granting what is paid. Safe to repeat.

    Raises:
        StripeUnavailable, StripeRefused: no answer; the job is retried.
        NoTerms: an invoice was paid at a price that no plan has.
    """
    row = Subscription.objects.select_related("account").get(pk=subscription_id)
    known = row.stripe_subscription_id or stripe_subscription_id or _found_by_checkout(row)
    if known:
        asked_at = timezone.now()
        reported = provider().retrieve_subscription(known)
        if reported.reference != str(row.pk):
            log.warning("subscription_of_another", subscription=str(row.pk), stripe_subscription=known)
            return row
        invoices = list(provider().invoices_of_subscription(known))
        if row.account.closed_at is not None and reported.status not in Subscription.ENDED:
            # Its user was erased or its team deleted: nobody can spend what it would grant.
            reported = provider().end_subscription(known)
        take_over(row.pk, reported, asked_at)
        _keep_invoices(row.pk, invoices, source)
    return Subscription.objects.prefetch_related("all_terms").get(pk=row.pk)


def take_over(subscription_id: UUID, reported: ProviderSubscription, asked_at: datetime) -> None:
    """Replace our state by Stripe's, unless ours was asked for later."""
    with transaction.atomic():
        row = Subscription.objects.select_for_update().get(pk=subscription_id)
        if row.asked_at is not None and row.asked_at > asked_at:
            return
        if terms_at(row, reported.price_id) is not None:
            row.stripe_price_id = reported.price_id
        row.stripe_subscription_id = reported.id
        row.stripe_item_id = reported.item_id
        row.status = reported.status
        row.period_start, row.period_end = reported.period_start, reported.period_end
        row.cancel_at_period_end = reported.is_ending
        row.ended_at = reported.ended_at
        row.asked_at = asked_at
        row.save(update_fields=CHANGING)


def end_missing(subscription_id: UUID) -> None:
    """End a subscription that Stripe doesn't have any more, so that its account can take another.

    Raises:
        WrongStripeAccount: the key is of another account or mode, where it can't be.
    """
    provider().require_own_account()
    alive = Subscription.objects.filter(pk=subscription_id).exclude(status__in=Subscription.ENDED)
    now = timezone.now()
    alive.update(status=Status.CANCELED, ended_at=now, asked_at=now)


def terms_at(row: Subscription, price_id: str) -> Terms | None:
    """Return what the subscription grants at this price, copied from the plan the first time; None: no plan has it."""
    known = Terms.objects.filter(subscription=row, stripe_price_id=price_id).first()
    if known is not None:
        return known
    plan = Plan.objects.filter(stripe_price_id=price_id).first()
    return Terms.of_plan(row, plan) if plan is not None and plan.current_price_id else None


def defer_due_syncs() -> int:
    """Have each subscription synced that something is due of, or that wasn't asked about for long; return how many."""
    now = timezone.now()
    heard_of = Q(asked_at__lt=now - DUE) | Q(asked_at=None, created_at__lt=now - DUE)
    is_due = Q(status__in=[Status.PENDING, *Subscription.OWING]) | Q(period_end__lt=now)
    alive = Subscription.objects.exclude(status__in=Subscription.ENDED)
    rows = alive.filter(heard_of & is_due | Q(asked_at__lt=now - QUIET))
    due = list(rows.order_by(F("asked_at").asc(nulls_first=True))[:AT_ONCE])
    for row in due:
        defer_subscription_sync(row.pk, row.stripe_subscription_id or "")
    return len(due)


def _keep_invoices(subscription_id: UUID, invoices: list[ProviderInvoice], source: Source) -> None:
    """Keep each invoice, oldest first. One without terms stops none of the others."""
    without_terms: NoTerms | None = None
    for invoice in reversed(invoices):
        try:
            keep_invoice(subscription_id, invoice, terms_at, source)
        except NoTerms as error:
            log.exception("invoice_without_terms", invoice=invoice.id)
            error.params["invoice"] = invoice.id
            without_terms = error
    if without_terms is not None:
        raise without_terms


def _found_by_checkout(row: Subscription) -> str:
    """Return the subscription that the checkout led to; close a checkout that is over, or that nobody got."""
    over = row.created_at < timezone.now() - settings.CHECKOUT_SESSION_LIFETIME
    if row.stripe_session_id:
        try:
            session = provider().retrieve_session(row.stripe_session_id)
        except SessionNotFound:
            log.warning("subscription_checkout_unknown", subscription=str(row.pk))
        else:
            if session.subscription_id:
                return session.subscription_id
            over = session.status == "expired"
    if over:
        Subscription.objects.filter(pk=row.pk, status=Status.PENDING).update(status=Status.EXPIRED)
    return ""
