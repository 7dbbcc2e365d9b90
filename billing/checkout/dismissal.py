"""Puts away a checkout that its buyer doesn't want any more."""

from __future__ import annotations

from contextlib import suppress

from billing.checkout.closing import Report, is_being_started, sync_purchase
from billing.errors import PurchaseInProgress, StripeRefused
from billing.purchases.log import Source
from billing.purchases.models import Purchase
from billing.stripe import gateway as stripe_gateway


def dismiss_checkout(purchase: Purchase, source: Source) -> None:
    """Close the checkout of a pending purchase at Stripe, so that nobody can pay it, and bring the purchase to where it
    is then: expired, or what a payment a moment ago has made of it. Safe to repeat.

    The process may die after Stripe has closed it: Stripe's event or the sweeper settles the purchase.

    Raises:
        PurchaseInProgress: its checkout is being opened.
        StripeUnavailable, StripeRefused: no answer; it stands as it did.
    """
    if purchase.status != Purchase.Status.PENDING:
        return
    if is_being_started(purchase):
        raise PurchaseInProgress("The checkout is still being opened.")
    if purchase.stripe_session_id:
        with suppress(
            StripeRefused
        ):  # it isn't open any more, or may not be closed: what it is says Stripe next
            stripe_gateway.expire_session(purchase.stripe_session_id)
    sync_purchase(purchase, Report(), source)
    purchase.refresh_from_db()
