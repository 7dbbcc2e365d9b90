"""Re-run fulfilment for staff, with the usual functions and the staff member on record."""

from __future__ import annotations

from uuid import UUID

from django.db import transaction

from billing.checkout.card_payments import apply_intent, payment_of
from billing.checkout.fulfilment import fulfil_purchase
from billing.errors import SessionNotFound
from billing.provider import provider
from billing.provider.errors import PaymentNotFound
from billing.purchases.log import Change, Source, lock_purchase, record
from billing.purchases.models import Purchase, PurchaseEvent
from billing.purchases.payment_reports import PaymentReport


def rerun_fulfilment(purchase_id: UUID, actor_id: UUID) -> Purchase:
    """Check the purchase's payment with Stripe and fulfil accordingly.

    Raises:
        SessionNotFound: the purchase has no checkout at Stripe.
        PaymentNotFound: its card was to be charged, and Stripe has no payment.
        StripeUnavailable, StripeRefused: no answer; nothing was changed.
    """
    source = Source(PurchaseEvent.Source.STAFF, actor_id=actor_id)
    purchase = Purchase.objects.get(pk=purchase_id)
    if purchase.charges_card:
        return _recheck_card(purchase, source)
    if not purchase.stripe_session_id:
        raise SessionNotFound("This purchase never got a Stripe checkout.")
    session = provider().retrieve_session(purchase.stripe_session_id)
    with transaction.atomic():
        detail = {"session_status": session.status, "payment_status": session.payment_status}
        record(lock_purchase(purchase_id), Change("fulfilment_rerun", detail=detail), source)
    return fulfil_purchase(purchase_id, PaymentReport.from_session(session), source)


def _recheck_card(purchase: Purchase, source: Source) -> Purchase:
    intent = payment_of(purchase)
    if intent is None:
        raise PaymentNotFound("Stripe has no payment for this purchase: its card was not charged.")
    with transaction.atomic():
        detail = {"payment": intent.id, "payment_status": intent.status}
        record(lock_purchase(purchase.pk), Change("fulfilment_rerun", detail=detail), source)
    return apply_intent(purchase, intent, source)
