"""Invoices that a checkout makes out once it is paid (`invoice_creation`): final and paid from the start."""

from sandbox import clock, ids, store
from sandbox.models import Record
from sandbox.shapes import Json, make_object
from sandbox.webhooks.events import emit


def make_out_invoice(session: Record, intent: Json) -> Record:
    """The paid invoice of a session. It is told of by `tell_of_invoice`, after the session's own event."""
    data, base_url = session.data, session.private["base_url"]
    now, total = clock.get_now(), intent["amount_received"]
    customer = store.get_object("customer", session.private["customer"])
    wishes = data["invoice_creation"]["invoice_data"]
    invoice = make_object(
        "invoice",
        customer=customer["id"],
        customer_email=customer["email"],
        customer_name=customer["name"],
        currency=data["currency"],
        description=wishes["description"],
        footer=wishes["footer"],
        metadata=dict(wishes["metadata"]),
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
        **dict.fromkeys(("amount_due", "amount_paid", "subtotal", "total"), total),
        **dict.fromkeys(("subtotal_excluding_tax", "total_excluding_tax"), total),
    )
    secret = ids.make_token(40)
    invoice["hosted_invoice_url"] = f"{base_url}/i/{invoice['id']}/{secret}"
    invoice["invoice_pdf"] = f"{base_url}/i/{invoice['id']}/{secret}/pdf"
    invoice["lines"]["data"] = [_line(item, invoice["id"], now) for item in session.private["line_items"]]
    invoice["lines"]["url"] = f"/v1/invoices/{invoice['id']}/lines"
    return store.add_object(invoice, private={"secret": secret})


def tell_of_invoice(invoice: Record) -> None:
    """What happened to it, each with the invoice as it is now: at Stripe too these come close behind one another."""
    for what in ("created", "finalized", "paid", "payment_succeeded"):
        emit(f"invoice.{what}", invoice.data)


def find_shown(invoice_id: str, secret: str) -> Record | None:
    """The invoice behind an address that Stripe gave out: whoever knows the secret may see it."""
    record = store.find_record("invoice", invoice_id)
    return record if record is not None and record.private["secret"] == secret else None


def _line(item: Json, invoice_id: str, now: int) -> Json:
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
