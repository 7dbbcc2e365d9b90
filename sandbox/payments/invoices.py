"""Create the invoice of a paid checkout (`invoice_creation`), final and paid from the start."""

from sandbox import clock, store
from sandbox.models import Record
from sandbox.payments.invoicing import add_paid, build_invoice
from sandbox.payments.taxes import is_inclusive
from sandbox.payments.totals import find_session_rate
from sandbox.shapes import Json, make_object


def create_invoice(session: Record, intent: Record) -> Record:
    """Create the invoice of a session. The caller emits its events after the session's own."""
    now = clock.get_now()
    customer = store.get_object("customer", session.private["customer"])
    details = session.private["customer_details"]
    given = session.data["invoice_creation"]["invoice_data"]
    lines = [_make_line(item, now) for item in session.private["line_items"]]
    draft = build_invoice(
        customer,
        session.data["currency"],
        lines,
        find_session_rate(session.data, details),
        description=given["description"],
        footer=given["footer"],
        metadata=dict(given["metadata"]),
        customer_tax_ids=details["tax_ids"],
        period_start=now,
        period_end=now,
    )
    draft["customer_address"] = details["address"]
    return add_paid(draft, lines, intent)


def _make_line(item: Json, now: int) -> Json:
    price = item["price"]
    return make_object(
        "line_item",
        # Without tax on top.
        amount=item["amount_total"] - (0 if is_inclusive(price) else item["amount_tax"]),
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
