"""Apply each kind of event. Those of no kind are only stored."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from billing.checkout.fulfilment import fulfil_locked_purchase, note_declined
from billing.customers.events import CUSTOMER_HANDLERS
from billing.inbox.models import InboxEvent
from billing.inbox.outcomes import APPLIED, STORED, Outcome, applied_to, source_of, unmatched
from billing.provider import provider
from billing.provider.objects import CheckoutSession, EventKind, ProviderEvent
from billing.purchases.matching import purchase_of_intent, purchase_of_session
from billing.purchases.payment_reports import PaymentReport
from billing.purchases.payments import keep_payment
from billing.refunds.events import REVERSAL_HANDLERS
from billing.subscriptions.events import SUBSCRIPTION_HANDLERS, checkout_reported
from billing.subscriptions.selectors import pays_for_plan

NOT_COLLECTED = Outcome(InboxEvent.Status.STORED, note="An invoice of a plan was not collected.")


def apply_event(event: ProviderEvent) -> Outcome:
    """Apply the event in the caller's transaction, which has its payment's turn, without network calls.

    Raises:
        MalformedStripeObject: the object lacks a required field; a retry won't help.
    """
    about_customer = CUSTOMER_HANDLERS.get(event.kind)
    if about_customer is not None:
        return APPLIED if about_customer(event) else STORED
    about_subscription = SUBSCRIPTION_HANDLERS.get(event.kind)
    if about_subscription is not None:
        return APPLIED if about_subscription(event) else STORED
    handler = HANDLERS.get(event.kind)
    return handler(event) if handler else STORED


def _session_reported(event: ProviderEvent) -> Outcome:
    session = provider().session_of(event)
    if session.mode == "subscription":
        return APPLIED if checkout_reported(session) else STORED
    if session.mode != "payment":
        return STORED  # a card was added: its own events say which
    return _fulfil(event, session, PaymentReport.from_session(session, event.created))


def _session_failed(event: ProviderEvent) -> Outcome:
    session = provider().session_of(event)
    return _fulfil(event, session, PaymentReport.from_session(session, event.created).as_failed())


def _fulfil(event: ProviderEvent, session: CheckoutSession, report: PaymentReport) -> Outcome:
    purchase = purchase_of_session(session)
    if purchase is None:
        return unmatched(session.reference)
    fulfil_locked_purchase(purchase, report, source_of(event))
    return applied_to(purchase)


def _unmatched(reference: str, customer_id: str, *, is_declined: bool = False) -> Outcome:
    """Return the outcome of an unknown payment. A plan's has no reference of ours: its invoice's sync records it."""
    if reference or not pays_for_plan(customer_id):
        return unmatched(reference)
    return NOT_COLLECTED if is_declined else unmatched()


def _intent_succeeded(event: ProviderEvent) -> Outcome:
    intent = provider().intent_of(event)
    purchase = purchase_of_intent(intent.id, intent.reference)
    if purchase is None:
        return _unmatched(intent.reference, intent.customer_id)
    fulfil_locked_purchase(purchase, PaymentReport.from_intent(intent, event.created), source_of(event))
    return applied_to(purchase)


def _intent_failed(event: ProviderEvent) -> Outcome:
    intent = provider().intent_of(event)
    purchase = purchase_of_intent(intent.id, intent.reference)
    if purchase is None:
        return _unmatched(intent.reference, intent.customer_id, is_declined=True)
    note_declined(purchase, intent, PaymentReport.from_intent(intent, event.created), source_of(event))
    return applied_to(purchase)


def _charge_reported(event: ProviderEvent) -> Outcome:
    """Record how the payment was made."""
    charge = provider().charge_of(event)
    purchase = purchase_of_intent(charge.payment_intent_id, charge.reference)
    if purchase is None or not charge.payment_intent_id:
        return _unmatched(charge.reference, charge.customer_id, is_declined=charge.status == "failed")
    keep_payment(purchase, PaymentReport.from_charge(charge, event.created))
    return applied_to(purchase)


def _catalogue_changed(event: ProviderEvent) -> Outcome:
    # The effect is in the mirror, whose job is deferred for every event; drift is read from there.
    return APPLIED


HANDLERS: Mapping[EventKind | None, Callable[[ProviderEvent], Outcome]] = {
    EventKind.CHECKOUT: _session_reported,
    EventKind.CHECKOUT_FAILED: _session_failed,
    EventKind.PAYMENT: _intent_succeeded,
    EventKind.PAYMENT_DECLINED: _intent_failed,
    EventKind.CHARGE: _charge_reported,
    EventKind.CATALOG: _catalogue_changed,
    **REVERSAL_HANDLERS,
}
