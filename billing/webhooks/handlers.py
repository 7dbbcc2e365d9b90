"""Apply each type of event. Types without a handler are only stored."""

from __future__ import annotations

from collections.abc import Callable

from billing.checkout.fulfilment import fulfil_locked_purchase, note_declined
from billing.inbox.outcomes import APPLIED, STORED, Outcome, applied_to, source_of, unmatched
from billing.purchases.matching import purchase_of_intent, purchase_of_session
from billing.purchases.payment_reports import PaymentReport
from billing.purchases.payments import keep_payment
from billing.refunds.events import RETURN_HANDLERS
from billing.stripe.objects import CheckoutSession, PaymentIntent, StripeCharge, StripeEvent


def apply_event(event: StripeEvent) -> Outcome:
    """Apply the event in the caller's transaction, which has its payment's turn, without network calls.

    Raises:
        MalformedStripeObject: the object lacks a required field; a retry won't help.
    """
    handler = HANDLERS.get(event.type)
    return handler(event) if handler else STORED


def _session_reported(event: StripeEvent) -> Outcome:
    session = CheckoutSession.from_json(event.subject)
    return _fulfil(event, session, PaymentReport.from_session(session, event.created))


def _session_failed(event: StripeEvent) -> Outcome:
    # The session only says "unpaid", as it did during the payment.
    session = CheckoutSession.from_json(event.subject)
    return _fulfil(event, session, PaymentReport.from_session(session, event.created).as_failed())


def _fulfil(event: StripeEvent, session: CheckoutSession, report: PaymentReport) -> Outcome:
    purchase = purchase_of_session(session)
    if purchase is None:
        return unmatched(session.reference)
    fulfil_locked_purchase(purchase, report, source_of(event))
    return applied_to(purchase)


def _intent_succeeded(event: StripeEvent) -> Outcome:
    intent = PaymentIntent.from_json(event.subject)
    purchase = purchase_of_intent(intent.id, intent.reference)
    if purchase is None:
        return unmatched(intent.reference)
    fulfil_locked_purchase(purchase, PaymentReport.from_intent(intent, event.created), source_of(event))
    return applied_to(purchase)


def _intent_failed(event: StripeEvent) -> Outcome:
    intent = PaymentIntent.from_json(event.subject)
    purchase = purchase_of_intent(intent.id, intent.reference)
    if purchase is None:
        return unmatched(intent.reference)
    note_declined(purchase, intent, PaymentReport.from_intent(intent, event.created), source_of(event))
    return applied_to(purchase)


def _charge_reported(event: StripeEvent) -> Outcome:
    """Record how the payment was made."""
    charge = StripeCharge.from_json(event.subject)
    purchase = purchase_of_intent(charge.payment_intent_id, charge.reference)
    if purchase is None or not charge.payment_intent_id:
        return unmatched(charge.reference)
    keep_payment(purchase, PaymentReport.from_charge(charge, event.created))
    return applied_to(purchase)


def _catalogue_changed(event: StripeEvent) -> Outcome:
    # The effect is in the mirror, whose job is deferred for every event; drift is read from there.
    return APPLIED


HANDLERS: dict[str, Callable[[StripeEvent], Outcome]] = {
    "checkout.session.completed": _session_reported,
    "checkout.session.async_payment_succeeded": _session_reported,
    "checkout.session.async_payment_failed": _session_failed,
    "checkout.session.expired": _session_reported,
    "payment_intent.succeeded": _intent_succeeded,
    "payment_intent.payment_failed": _intent_failed,
    "charge.succeeded": _charge_reported,
    "charge.pending": _charge_reported,
    "charge.failed": _charge_reported,
    **RETURN_HANDLERS,
    "product.created": _catalogue_changed,
    "product.updated": _catalogue_changed,
    "product.deleted": _catalogue_changed,
    "price.created": _catalogue_changed,
    "price.updated": _catalogue_changed,
    "price.deleted": _catalogue_changed,
}
