"""Collect open invoices: charge the saved card, try again after days, and give up in the end."""

from sandbox import clock, store
from sandbox.account import get_account
from sandbox.models import Record
from sandbox.payments import invoicing, subscription_states
from sandbox.payments.confirming import Terms, confirm_intent
from sandbox.payments.outcomes import Outcome
from sandbox.payments.pending_updates import find_holder
from sandbox.payments.periods import DAY_S
from sandbox.payments.settling import settle
from sandbox.webhooks.events import emit

# How long after each failed attempt the next one follows. Stripe's "smart retries" choose the times themselves.
_RETRY_AFTER_S = (3 * DAY_S, 5 * DAY_S, 7 * DAY_S)


def collect(invoice: Record, method: Record | None = None, *, by_clock: bool = False) -> Outcome:
    """Charge an open invoice while its customer is away, by default to the saved card that is meant for it.

    The clock tries again what fails. What others try after the first attempt doesn't count and leaves its schedule
    alone. Call inside `store.writing()`.
    """
    intent = invoicing.find_intent(invoice)
    if intent is None:
        settle(invoice)
        return Outcome("succeeded")
    counts = by_clock or not invoice.data["attempt_count"]
    outcome = _charge(intent, method or find_method(invoice), invoice.data["hosted_invoice_url"])
    if outcome.outcome == "succeeded":
        settle(invoice, attempts=int(counts))
    elif counts:
        _note_failure(invoice, outcome)
    else:
        _report_failure(invoice, outcome)
    return outcome


def _charge(intent: Record, method: Record | None, page: str) -> Outcome:
    """Charge a card off-session. One that asks for 3-D Secure waits until its owner comes to the invoice's page."""
    if method is None:
        return Outcome("declined", message="There is no default payment method to charge.")
    confirm_intent(intent, method, Terms(off_session=True, return_url=page, waits_for_buyer=True))
    if intent.data["status"] == "requires_payment_method":
        return Outcome.of_error(intent.data["last_payment_error"])
    return Outcome(intent.data["status"])


def find_method(invoice: Record) -> Record | None:
    """Find the attached card for an invoice: its own, its subscription's, or the customer's default."""
    customer = store.get_object("customer", invoice.data["customer"])
    subscription = subscription_states.find_subscription(invoice.data)
    chosen = [
        invoice.data["default_payment_method"],
        subscription.data["default_payment_method"] if subscription else None,
        customer["invoice_settings"]["default_payment_method"],
    ]
    for method_id in chosen:
        method = store.find_record("payment_method", method_id) if method_id else None
        if method is not None and method.data["customer"] == customer["id"]:
            return method
    return None


def _note_failure(invoice: Record, outcome: Outcome) -> None:
    """Plan the next attempt, or give up after the last."""
    attempts = invoice.data["attempt_count"] + 1
    subscription = subscription_states.find_subscription(invoice.data)
    is_left = (
        subscription is None or subscription.data["status"] == "canceled" or find_holder(invoice) is not None
    )
    retries = attempts <= len(_RETRY_AFTER_S) and invoice.data["status"] == "open" and not is_left
    invoice.due = clock.get_now() + _RETRY_AFTER_S[attempts - 1] if retries else None
    previous = store.change(
        invoice,
        attempted=True,
        attempt_count=attempts,
        auto_advance=retries,
        next_payment_attempt=invoice.due,
    )
    emit("invoice.updated", invoice.data, previous)
    _report_failure(invoice, outcome)
    if subscription is None or is_left:
        return
    subscription_states.note_unpaid(subscription)
    if not retries:
        subscription_states.give_up(subscription, get_account().after_failed_retries)


def _report_failure(invoice: Record, outcome: Outcome) -> None:
    if outcome.outcome == "requires_action":
        emit("invoice.payment_action_required", invoice.data)
    emit("invoice.payment_failed", invoice.data)
