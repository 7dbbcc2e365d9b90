"""Create the invoice of a paid checkout (`invoice_creation`), final and paid from the start."""

from sandbox import clock, ids, store
from sandbox.models import Record
from sandbox.payments.invoicing import build_invoice, open_invoice, request_payment
from sandbox.shapes import Json, make_object
from sandbox.webhooks.events import emit


def create_invoice(session: Record, intent: Record) -> Record:
    """Create the invoice of a session. The caller emits its events after the session's own."""
    now = clock.get_now()
    customer = store.get_record("customer", session.private["customer"])
    details = session.private["customer_details"]
    given = session.data["invoice_creation"]["invoice_data"]
    lines = [_make_line(item, now) for item in session.private["line_items"]]
    draft = build_invoice(
        customer.data,
        session.data["currency"],
        lines,
        description=given["description"],
        footer=given["footer"],
        metadata=dict(given["metadata"]),
        attempted=True,
        customer_tax_ids=details["tax_ids"],
        period_start=now,
        period_end=now,
    )
    draft["customer_address"] = details["address"]
    invoice = store.add_object(draft, private={"lines": lines, "secret": ids.make_token(40)})
    open_invoice(invoice, customer)
    amount = intent.data["amount_received"]
    store.change(
        invoice,
        amount_due=amount,
        amount_paid=amount,
        amount_remaining=0,
        auto_advance=False,
        ending_balance=0,
        starting_balance=0,
        status="paid",
        status_transitions={**invoice.data["status_transitions"], "paid_at": now},
    )
    payment = request_payment(invoice, intent)
    store.change(
        payment, amount_paid=amount, status="paid", status_transitions={"canceled_at": None, "paid_at": now}
    )
    return invoice


def emit_events(invoice: Record) -> None:
    """Emit all events, each with the invoice's final state: at Stripe too they follow closely on one another."""
    for what in ("created", "finalized", "paid", "payment_succeeded"):
        emit(f"invoice.{what}", invoice.data)


def _make_line(item: Json, now: int) -> Json:
    price = item["price"]
    return make_object(
        "line_item",
        amount=item["amount_total"],
        subtotal=item["amount_subtotal"],
        currency=item["currency"],
        description=item["description"],
        period={"start": now, "end": now},
        pricing={
            "type": "price_details",
            "price_details": {"price": price["id"], "product": price["product"]},
            "unit_amount_decimal": str(price["unit_amount"]),
        },
        quantity=item["quantity"],
    )
