"""Take invoices through their states: draft, open, and then paid, void or uncollectible."""

from typing import Any

from sandbox import clock, ids, store
from sandbox.base_url import get_base_url
from sandbox.models import Record
from sandbox.payments import intents
from sandbox.payments.currencies import get_minimum
from sandbox.payments.invoice_taxes import tax_line
from sandbox.payments.states import WrongStateError, require_status
from sandbox.payments.taxes import Rate
from sandbox.shapes import Json, make_object
from sandbox.webhooks.events import emit

PAYABLE = ("open", "uncollectible")
# How many lines an invoice shows; a call of their own lists the others.
_SHOWN = 10


def build_invoice(
    customer: Json, currency: str, lines: list[Json], rate: Rate | None = None, **fields: Any
) -> Json:
    """Return a draft that isn't stored yet, taxed at this rate."""
    invoice = make_object(
        "invoice",
        customer=customer["id"],
        customer_address=customer["address"],
        customer_email=customer["email"],
        customer_name=customer["name"],
        customer_phone=customer["phone"],
        currency=currency,
        **fields,
    )
    _add_up(invoice, lines, rate)
    invoice["starting_balance"] = customer["balance"]
    _apply_balance(invoice)
    for line in lines:
        line["invoice"] = invoice["id"]
    url = f"/v1/invoices/{invoice['id']}/lines"
    invoice["lines"].update(data=lines[:_SHOWN], has_more=len(lines) > _SHOWN, url=url)
    return invoice


def _add_up(invoice: Json, lines: list[Json], rate: Rate | None) -> None:
    subtotal = sum(line["amount"] for line in lines)
    if rate:
        for line in lines:
            tax_line(line, rate)
    taxes = [tax for line in lines for tax in line["taxes"]]
    tax = sum(each["amount"] for each in taxes)
    on_top = sum(each["amount"] for each in taxes if each["tax_behavior"] == "exclusive")
    invoice.update(
        subtotal=subtotal,
        subtotal_excluding_tax=subtotal - (tax - on_top),
        total=subtotal + on_top,
        total_excluding_tax=subtotal + on_top - tax,
        total_taxes=taxes,
    )
    if rate:
        invoice["automatic_tax"].update(
            enabled=True, liability={"type": "self"}, provider="stripe", status="complete"
        )


def _apply_balance(invoice: Json) -> None:
    """Take the customer's balance into account, in which a credit is negative, as at Stripe.

    What is left is charged, unless it is a credit or too little: then it becomes the customer's new balance.
    """
    left = invoice["total"] + invoice["starting_balance"]
    is_charged = left >= get_minimum(invoice["currency"])
    due = left if is_charged else 0
    invoice.update(amount_due=due, amount_remaining=due, ending_balance=left - due)


def add_draft(invoice: Json, lines: list[Json], finalizes_at: int | None = None) -> Record:
    """Store a draft and emit its event."""
    private = {"lines": lines, "secret": ids.make_token(40)}
    record = store.add_object(invoice, private=private, due=finalizes_at)
    emit("invoice.created", record.data)
    return record


def add_paid(invoice: Json, lines: list[Json], intent: Record | None) -> Record:
    """Store the invoice of a checkout, which its intent has paid; None: nothing was due. Emits no event."""
    now, amount = clock.get_now(), intent.data["amount_received"] if intent else 0
    record = store.add_object(invoice, private={"lines": lines, "secret": ids.make_token(40)})
    _open(record, store.get_record("customer", invoice["customer"]))
    store.change(
        record,
        amount_due=amount,
        amount_paid=amount,
        amount_remaining=0,
        attempt_count=1 if intent else 0,
        attempted=True,
        auto_advance=False,
        ending_balance=0,
        starting_balance=0,
        status="paid",
        status_transitions={**record.data["status_transitions"], "paid_at": now},
    )
    if intent is not None:
        _note_payment(_request_payment(record, intent), amount)
    return record


def emit_events_of_paid(invoice: Record) -> None:
    """Emit all events, each with the invoice's final state: at Stripe too they follow closely on one another."""
    for what in ("created", "finalized", "paid", "payment_succeeded"):
        emit(f"invoice.{what}", invoice.data)
    payment = find_payment(invoice)
    if payment is not None:
        emit("invoice_payment.paid", payment.data)


def finalize(invoice: Record) -> None:
    """Number a draft and open it for payment by an intent of its own. Raises WrongStateError."""
    require_status(invoice, "draft")
    customer = store.get_record("customer", invoice.data["customer"])
    invoice.data["starting_balance"] = customer.data["balance"]
    _apply_balance(invoice.data)
    _open(invoice, customer)
    previous = store.change(customer, balance=invoice.data["ending_balance"])
    if previous:
        emit("customer.updated", customer.data, previous)
    emit("invoice.finalized", invoice.data)
    if invoice.data["amount_due"]:
        _request_payment(invoice, _create_intent(invoice.data))


def _open(invoice: Record, customer: Record) -> None:
    """Give an invoice its number, its pages and its time."""
    now, sequence = clock.get_now(), customer.data["next_invoice_sequence"]
    page = f"{get_base_url()}/i/{invoice.id}/{invoice.private['secret']}"
    store.change(
        invoice,
        number=f"{customer.data['invoice_prefix']}-{sequence:04}",
        status="open",
        auto_advance=invoice.data["collection_method"] == "charge_automatically",
        automatically_finalizes_at=None,
        effective_at=now,
        hosted_invoice_url=page,
        invoice_pdf=f"{page}/pdf",
        status_transitions={**invoice.data["status_transitions"], "finalized_at": now},
    )
    store.change(customer, next_invoice_sequence=sequence + 1)


def _create_intent(invoice: Json) -> Record:
    return intents.create_intent(
        invoice["amount_due"],
        invoice["currency"],
        customer=invoice["customer"],
        description="Subscription update",
    )


def _request_payment(invoice: Record, intent: Record) -> Record:
    """Store the tie between an invoice and the intent that pays it."""
    payment = make_object(
        "invoice_payment",
        amount_requested=invoice.data["amount_due"],
        currency=invoice.data["currency"],
        invoice=invoice.id,
        payment={"type": "payment_intent", "payment_intent": intent.id},
    )
    return store.add_object(payment)


def _note_payment(payment: Record, amount: int) -> None:
    transitions = {"canceled_at": None, "paid_at": clock.get_now()}
    store.change(payment, amount_paid=amount, status="paid", status_transitions=transitions)


def find_payment(invoice: Record) -> Record | None:
    """Find the tie to the intent that pays this invoice."""
    return store.list_records("invoice_payment").filter(data__invoice=invoice.id).first()


def find_intent(invoice: Record) -> Record | None:
    payment = find_payment(invoice)
    return store.get_record("payment_intent", payment.data["payment"]["payment_intent"]) if payment else None


def require_intent(invoice: Record) -> Record:
    """Return the intent that pays an invoice. Raises WrongStateError if nothing is due."""
    intent = find_intent(invoice)
    if intent is None:
        raise WrongStateError("nothing is due for this invoice")
    return intent


def find_invoice_of(intent_id: str) -> Record | None:
    """Find the invoice that an intent pays."""
    payments = store.list_records("invoice_payment")
    payment = payments.filter(data__payment__payment_intent=intent_id).first()
    return store.get_record("invoice", payment.data["invoice"]) if payment else None


def require_payable(invoice: Record) -> None:
    """Raise WrongStateError unless an invoice can still be paid."""
    require_status(invoice, *PAYABLE)


def mark_paid(invoice: Record, *, attempts: int = 0) -> None:
    """Mark an open invoice as paid by its intent, which has succeeded, or by nothing if nothing is due."""
    payment = find_payment(invoice)
    previous = _close(
        invoice,
        "paid",
        "paid_at",
        amount_paid=invoice.data["amount_due"],
        amount_remaining=0,
        attempted=True,
        attempt_count=invoice.data["attempt_count"] + attempts,
    )
    emit("invoice.updated", invoice.data, previous)
    emit("invoice.paid", invoice.data)
    emit("invoice.payment_succeeded", invoice.data)
    if payment is not None:
        _note_payment(payment, invoice.data["amount_paid"])
        emit("invoice_payment.paid", payment.data)


def mark_paid_out_of_band(invoice: Record) -> None:
    """Mark an invoice as paid outside Stripe. Raises WrongStateError."""
    require_payable(invoice)
    _cancel_payment(invoice)
    previous = _close(invoice, "paid", "paid_at", attempted=True)
    emit("invoice.updated", invoice.data, previous)
    emit("invoice.paid", invoice.data)
    emit("invoice.payment_succeeded", invoice.data)


def void(invoice: Record) -> None:
    """Void an invoice: nothing is owed for it. Raises WrongStateError."""
    require_status(invoice, *PAYABLE)
    _cancel_payment(invoice)
    previous = _close(invoice, "void", "voided_at")
    emit("invoice.updated", invoice.data, previous)
    emit("invoice.voided", invoice.data)


def mark_uncollectible(invoice: Record) -> None:
    """Write an invoice off. It can still be paid. Raises WrongStateError."""
    require_status(invoice, "open")
    previous = _close(invoice, "uncollectible", "marked_uncollectible_at")
    emit("invoice.updated", invoice.data, previous)
    emit("invoice.marked_uncollectible", invoice.data)


def _close(invoice: Record, status: str, moment: str, **fields: Any) -> Json:
    """Set a final status and when it was reached. Return the former values."""
    invoice.due = None
    transitions = {**invoice.data["status_transitions"], moment: clock.get_now()}
    fields |= {"auto_advance": False, "next_payment_attempt": None, "status_transitions": transitions}
    return store.change(invoice, status=status, **fields)


def _cancel_payment(invoice: Record) -> None:
    """Withdraw the request for payment: its intent can no longer be paid."""
    payment = find_payment(invoice)
    if payment is None:
        return
    canceled = {"canceled_at": clock.get_now(), "paid_at": None}
    store.change(payment, status="canceled", status_transitions=canceled)
    intents.cancel(
        store.get_record("payment_intent", payment.data["payment"]["payment_intent"]), "void_invoice"
    )
