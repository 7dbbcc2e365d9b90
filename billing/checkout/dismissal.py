"""Dismiss a checkout that its buyer no longer wants."""

from __future__ import annotations

from contextlib import suppress

from django.db import transaction

from billing.checkout.card_payments import cancel_card_purchase
from billing.checkout.closing import Report, is_being_started, sync_purchase
from billing.errors import PurchaseInProgress
from billing.provider import provider
from billing.provider.errors import StripeRefused
from billing.purchases.log import Change, Source, lock_purchase, record
from billing.purchases.models import Purchase

DISMISSED = "dismissed"


def dismiss_checkout(purchase: Purchase, source: Source) -> None:
    """Expire a pending purchase's checkout at Stripe and apply the result: expired, or paid just before.

    Safe to repeat. After a crash, Stripe's event or the sweeper closes the purchase.

    Raises:
        PurchaseInProgress: its checkout is being opened.
        StripeUnavailable, StripeRefused: no answer; the purchase is unchanged.
    """
    if purchase.status != Purchase.Status.PENDING:
        return
    if is_being_started(purchase):
        raise PurchaseInProgress("The checkout is still being opened.")
    _note_dismissed(purchase, source)
    if purchase.charges_card:
        cancel_card_purchase(purchase, source)
    elif purchase.stripe_session_id:
        with suppress(StripeRefused):  # no longer open, or not closable: the sync below reads its state
            provider().expire_session(purchase.stripe_session_id)
    sync_purchase(purchase, Report(), source)
    purchase.refresh_from_db()


def _note_dismissed(purchase: Purchase, source: Source) -> None:
    """Record that the buyer dismissed it, before Stripe is asked: its event may arrive first and name no reason."""
    with transaction.atomic():
        locked = lock_purchase(purchase.pk)
        if locked.status == Purchase.Status.PENDING and not locked.events.filter(what=DISMISSED).exists():
            record(locked, Change(DISMISSED), source)
