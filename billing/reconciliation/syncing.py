"""Repair subscriptions with the webhooks' own sync, and report what came of it."""

from __future__ import annotations

from collections.abc import Iterable

import structlog
from django.db import IntegrityError
from django.db.models import Q

from billing.checkout.closing import Finding
from billing.errors import NoTerms, PaymentOfAnother
from billing.provider.errors import MalformedStripeObject, SubscriptionNotFound
from billing.provider.objects import ProviderSubscription, SubscriptionRef
from billing.purchases.models import Purchase
from billing.reconciliation.page import SOURCE, Page
from billing.subscriptions.invoices import PAID
from billing.subscriptions.models import Subscription
from billing.subscriptions.syncing import sync_subscription
from core.uuids import as_uuid
from credits.errors import LedgerError

log = structlog.get_logger(__name__)

NOT_GRANTED = "invoice_not_granted"
MISSING = "missing_at_stripe"
SECOND = "second_subscription"
# The constraint that a second one violates.
ONE_ALIVE = "subscription_one_alive"
State = dict[str, object]


def rows_of(named: Iterable[SubscriptionRef]) -> dict[SubscriptionRef, Subscription]:
    """Return the subscriptions of ours: by Stripe's id, else by the reference, until an id is recorded."""
    refs = set(named)
    references = [reference for ref in refs if (reference := as_uuid(ref.reference))]
    known = Q(stripe_subscription_id__in=[ref.subscription_id for ref in refs])
    rows = Subscription.objects.filter(known | Q(pk__in=references, stripe_subscription_id=None))
    found = {row.stripe_subscription_id or row.pk: row for row in rows.select_related("account")}
    matches = {ref: found.get(ref.subscription_id) or found.get(as_uuid(ref.reference) or "") for ref in refs}
    return {ref: row for ref, row in matches.items() if row is not None}


def bring_up_to_date(row: Subscription, stripe_subscription_id: str, page: Page) -> Subscription:
    """Sync a subscription that differs, and report what it brought: its credits, else what changed.

    Raises:
        StripeUnavailable, StripeRefused: no answer.
    """
    before, invoices = state_of(row), _invoices_of(row)
    try:
        row = sync_subscription(row.pk, stripe_subscription_id, SOURCE)
    except NoTerms as error:
        page.open.append(not_granted(row, error.params["invoice"], error.message))
        row.refresh_from_db()
    except (
        SubscriptionNotFound,
        MalformedStripeObject,
        PaymentOfAnother,
        LedgerError,
        IntegrityError,
    ) as error:
        # One broken row must not block every other after it.
        log.exception("subscription_not_synced", subscription=str(row.pk), at_stripe=stripe_subscription_id)
        kind, why = _obstacle(error, row)
        page.open.append(_about(row, kind, stripe_subscription_id, why))
        row.refresh_from_db()
    granted = _granted_by_us(row, known=invoices)
    for invoice_id, purchase in granted:
        page.note_repair(Finding("paid_not_credited", f"{invoice_id}: {purchase}", str(purchase.pk)))
    changed = changes(before, state_of(row)) + changes(invoices, _invoices_of(row))
    if changed and not granted:
        page.note_repair(_about(row, "subscription_behind", stripe_subscription_id, ", ".join(changed)))
    return row


def _obstacle(error: Exception, row: Subscription) -> tuple[str, str]:
    """Return the kind of an issue, and its detail, that keeps a subscription from being synced."""
    if isinstance(error, SubscriptionNotFound):
        return MISSING, f"{row.status} here, but Stripe has no such subscription"
    if isinstance(error, MalformedStripeObject):
        return "unreadable_at_stripe", error.message
    if isinstance(error, LedgerError):
        return "ledger_refused", error.message
    if ONE_ALIVE in str(error):
        return SECOND, "alive at Stripe, but its account has another subscription"
    return "ids_taken", "an invoice, a line or a payment of it already belongs to another purchase"


def _about(row: Subscription, kind: str, object_id: str, detail: str) -> Finding:
    return Finding(kind, f"{object_id}: {detail}", object_id=object_id, subscription_id=str(row.pk))


def _invoices_of(row: Subscription) -> State:
    """Return the status of each invoice by its id."""
    return dict(row.invoices.values_list("stripe_invoice_id", "status"))


def _granted_by_us(row: Subscription, known: State) -> list[tuple[str, Purchase]]:
    """Return the invoices that a comparison has granted, less those known to be paid before."""
    by_us = row.invoices.filter(purchase__events__source=SOURCE.kind, purchase__status__in=Purchase.CREDITED)
    found = by_us.select_related("purchase").order_by("issued_at").distinct()
    return [
        (each.stripe_invoice_id, each.purchase)
        for each in found
        if each.purchase is not None and known.get(each.stripe_invoice_id) != PAID
    ]


def not_granted(row: Subscription, invoice_id: str, why: str) -> Finding:
    """Return the issue that an invoice was paid without bringing credits."""
    return _about(row, NOT_GRANTED, invoice_id, why)


def state_of(row: Subscription) -> State:
    return {
        "status": row.status,
        "price": row.stripe_price_id,
        "period": (row.period_start, row.period_end),
        "ending": row.cancel_at_period_end,
    }


def state_at_stripe(reported: ProviderSubscription) -> State:
    return {
        "status": reported.status,
        "price": reported.price_id,
        "period": (reported.period_start, reported.period_end),
        "ending": reported.is_ending,
    }


def changes(before: State, after: State) -> list[str]:
    """Describe what differs between two states, in the order of the later."""
    return [
        f"{name} {_text(before.get(name, 'unknown'))} → {_text(value)}"
        for name, value in after.items()
        if value != before.get(name)
    ]


def _text(value: object) -> str:
    if isinstance(value, tuple):
        return "–".join(f"{moment:%Y-%m-%d %H:%M}" if moment else "?" for moment in value)
    return str(value).lower()
