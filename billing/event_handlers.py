"""What each type of event means for us. Types that are not named here are stored and change nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from billing.disputes import record_dispute
from billing.fulfilment import Payment, PaymentState, fulfil_locked_purchase, note_declined
from billing.jobs import sync_refunds
from billing.matching import purchase_of_intent, purchase_of_session
from billing.models import InboxEvent, Purchase, PurchaseEvent
from billing.purchase_log import Told
from billing.refunds import record_refund
from billing.selectors import recorded_refunds
from billing.stripe_objects import (
    CheckoutSession,
    PaymentIntent,
    RefundedCharge,
    StripeDispute,
    StripeEvent,
    StripeRefund,
)


@dataclass(frozen=True)
class Outcome:
    """What came of an event, for the inbox."""

    status: InboxEvent.Status
    purchase: Purchase | None = None
    note: str = ""


STORED = Outcome(InboxEvent.Status.STORED)
APPLIED = Outcome(InboxEvent.Status.APPLIED)


def apply_event(event: StripeEvent) -> Outcome:
    """Applies the event's effect inside the caller's transaction, without a call to anyone.

    Raises:
        MalformedStripeObject: the object lacks what we need; the event must stay in the inbox as failed.
    """
    handler = HANDLERS.get(event.type)
    return handler(event) if handler else STORED


def _session_reported(event: StripeEvent) -> Outcome:
    session = CheckoutSession.from_json(event.subject)
    return _fulfil(event, session, Payment.from_session(session))


def _session_failed(event: StripeEvent) -> Outcome:
    # The session itself only says "unpaid", as it did while the payment was under way.
    session = CheckoutSession.from_json(event.subject)
    return _fulfil(event, session, replace(Payment.from_session(session), state=PaymentState.FAILED))


def _fulfil(event: StripeEvent, session: CheckoutSession, payment: Payment) -> Outcome:
    purchase = purchase_of_session(session)
    if purchase is None:
        return _unmatched(session.reference)
    fulfil_locked_purchase(purchase, payment, _told(event))
    return Outcome(InboxEvent.Status.APPLIED, purchase)


def _intent_succeeded(event: StripeEvent) -> Outcome:
    intent = PaymentIntent.from_json(event.subject)
    purchase = purchase_of_intent(intent)
    if purchase is None:
        return _unmatched(intent.reference)
    fulfil_locked_purchase(purchase, Payment.from_intent(intent), _told(event))
    return Outcome(InboxEvent.Status.APPLIED, purchase)


def _intent_failed(event: StripeEvent) -> Outcome:
    intent = PaymentIntent.from_json(event.subject)
    purchase = purchase_of_intent(intent)
    if purchase is None:
        return _unmatched(intent.reference)
    note_declined(purchase, intent, _told(event))
    return Outcome(InboxEvent.Status.APPLIED, purchase)


def _refund_reported(event: StripeEvent) -> Outcome:
    return _of_payment(record_refund(StripeRefund.from_json(event.subject), _told(event)).purchase)


def _charge_refunded(event: StripeEvent) -> Outcome:
    # It names no refund, only their sum. Where that is more than we know of, the refunds' own events are missing.
    charge = RefundedCharge.from_json(event.subject)
    if charge.amount_refunded > recorded_refunds(charge.payment_intent_id):
        sync_refunds.defer(payment_intent_id=charge.payment_intent_id)
    return APPLIED


def _dispute_reported(event: StripeEvent) -> Outcome:
    return _of_payment(record_dispute(StripeDispute.from_json(event.subject), _told(event)).purchase)


def _of_payment(purchase: Purchase | None) -> Outcome:
    """Recorded in any case; a purchase that is paid later takes it over."""
    note = "" if purchase else "No purchase of ours has this payment on record."
    return Outcome(InboxEvent.Status.APPLIED if purchase else InboxEvent.Status.UNMATCHED, purchase, note)


def _catalogue_changed(event: StripeEvent) -> Outcome:
    # The mirror is the effect, and its job is deferred for every event; drift is read from the mirror.
    return APPLIED


def _unmatched(reference: str) -> Outcome:
    note = f"It refers to {reference[:200]!r}." if reference else "It carries no reference of ours."
    return Outcome(InboxEvent.Status.UNMATCHED, note=note)


def _told(event: StripeEvent) -> Told:
    return Told(PurchaseEvent.Source.WEBHOOK, stripe_event_id=event.id)


HANDLERS: dict[str, Callable[[StripeEvent], Outcome]] = {
    "checkout.session.completed": _session_reported,
    "checkout.session.async_payment_succeeded": _session_reported,
    "checkout.session.async_payment_failed": _session_failed,
    "checkout.session.expired": _session_reported,
    "payment_intent.succeeded": _intent_succeeded,
    "payment_intent.payment_failed": _intent_failed,
    "refund.created": _refund_reported,
    "refund.updated": _refund_reported,
    "refund.failed": _refund_reported,
    "charge.refund.updated": _refund_reported,
    "charge.refunded": _charge_refunded,
    "charge.dispute.created": _dispute_reported,
    "charge.dispute.updated": _dispute_reported,
    "charge.dispute.funds_withdrawn": _dispute_reported,
    "charge.dispute.funds_reinstated": _dispute_reported,
    "charge.dispute.closed": _dispute_reported,
    "product.created": _catalogue_changed,
    "product.updated": _catalogue_changed,
    "product.deleted": _catalogue_changed,
    "price.created": _catalogue_changed,
    "price.updated": _catalogue_changed,
    "price.deleted": _catalogue_changed,
}
