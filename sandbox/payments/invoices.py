"""Create the invoice of a paid checkout (`invoice_creation`), final and paid from the start."""

from sandbox import clock, ids, store
from sandbox.base_url import get_base_url
from sandbox.models import Record
from sandbox.shapes import Json, make_object
from sandbox.webhooks.events import emit

_TOTALS = "amount_due amount_paid subtotal total subtotal_excluding_tax total_excluding_tax".split()


def create_invoice(session: Record, intent: Json) -> Record:
    """Create the invoice of a session. The caller emits its events after the session's own."""
    data = session.data
    now = clock.get_now()
    customer = store.get_object("customer", session.private["customer"])
    details = session.private["customer_details"]
    given = data["invoice_creation"]["invoice_data"]
    invoice = make_object(
        "invoice",
        customer=customer["id"],
        customer_address=details["address"],
        customer_email=customer["email"],
        customer_name=customer["name"],
        customer_tax_ids=details["tax_ids"],
        currency=data["currency"],
        description=given["description"],
        footer=given["footer"],
        metadata=dict(given["metadata"]),
        number=f"{customer['invoice_prefix']}-0001",
        status="paid",
        attempted=True,
        effective_at=now,
        period_start=now,
        period_end=now,
        status_transitions={
            "finalized_at": now,
            "marked_uncollectible_at": None,
            "paid_at": now,
            "voided_at": None,
        },
        **dict.fromkeys(_TOTALS, intent["amount_received"]),
    )
    secret = ids.make_token(40)
    invoice["hosted_invoice_url"] = f"{get_base_url()}/i/{invoice['id']}/{secret}"
    invoice["invoice_pdf"] = f"{invoice['hosted_invoice_url']}/pdf"
    invoice["lines"]["data"] = [
        _make_line(item, invoice["id"], now) for item in session.private["line_items"]
    ]
    invoice["lines"]["url"] = f"/v1/invoices/{invoice['id']}/lines"
    return store.add_object(invoice, private={"secret": secret})


def emit_events(invoice: Record) -> None:
    """Emit all events, each with the invoice's final state: at Stripe too they follow closely on one another."""
    for what in ("created", "finalized", "paid", "payment_succeeded"):
        emit(f"invoice.{what}", invoice.data)


def _make_line(item: Json, invoice_id: str, now: int) -> Json:
    price = item["price"]
    return make_object(
        "line_item",
        amount=item["amount_total"],
        subtotal=item["amount_subtotal"],
        currency=item["currency"],
        description=item["description"],
        invoice=invoice_id,
        period={"start": now, "end": now},
        pricing={
            "type": "price_details",
            "price_details": {"price": price["id"], "product": price["product"]},
            "unit_amount_decimal": str(price["unit_amount"]),
        },
        quantity=item["quantity"],
    )
