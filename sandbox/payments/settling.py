"""Settle invoices: paid ones put their subscription in order, and make a change that waited for them."""

from sandbox.models import Record
from sandbox.payments import invoicing, subscription_states
from sandbox.payments.pending_updates import apply_held
from sandbox.webhooks.events import change_and_emit, emit


def settle(invoice: Record, *, attempts: int = 0) -> None:
    """Mark an invoice as paid, after so many attempts of the clock's, and its subscription as in order."""
    invoicing.mark_paid(invoice, attempts=attempts)
    note_settled(invoice)


def note_settled(invoice: Record) -> None:
    """Make the change that waited for an invoice, if any did, and put its subscription in order."""
    apply_held(invoice)
    subscription_states.note_settled(invoice)


def report_attempt(intent: Record) -> None:
    """Tell the invoice that an intent pays, if any, how an attempt ended that the clock didn't make."""
    invoice = invoicing.find_invoice_of(intent.id)
    if invoice is None or invoice.data["status"] not in invoicing.PAYABLE:
        return
    if intent.data["status"] == "requires_payment_method":
        emit("invoice.payment_failed", invoice.data)
    elif intent.data["status"] == "succeeded":
        settle(invoice)
        _keep_card(invoice, intent)


def _keep_card(invoice: Record, intent: Record) -> None:
    """Charge the card that has paid an invoice on its page from now on."""
    subscription = subscription_states.find_subscription(invoice.data)
    if subscription is not None and intent.private.get("becomes_default"):
        method = intent.data["payment_method"]
        change_and_emit(subscription, "customer.subscription.updated", default_payment_method=method)
