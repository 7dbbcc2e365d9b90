"""Add up a checkout session: its items less discounts, and the tax of where its buyer is."""

from sandbox import store
from sandbox.models import Record
from sandbox.payments.taxes import Rate, describe_rate, find_rate, is_inclusive, take_tax
from sandbox.shapes import Json


def add_up(session: Json, items: list[Json], details: Json | None) -> None:
    """Set the amounts of items and session. `details` are the buyer's, as far as they are known."""
    rate = find_session_rate(session, details)
    for item in items:
        taxable = item["amount_subtotal"] - item["amount_discount"]
        inclusive = is_inclusive(item["price"])
        item["amount_tax"] = take_tax(taxable, rate.percent, inclusive=inclusive) if rate else 0
        item["amount_total"] = taxable if inclusive else taxable + item["amount_tax"]
    session["amount_subtotal"] = sum(item["amount_subtotal"] for item in items)
    session["amount_total"] = sum(item["amount_total"] for item in items)
    session["payment_status"] = "unpaid" if session["amount_total"] else "no_payment_required"
    session["total_details"] = {
        **session["total_details"],
        "amount_discount": sum(item["amount_discount"] for item in items),
        "amount_tax": sum(item["amount_tax"] for item in items),
    }
    if session["automatic_tax"]["enabled"]:
        session["automatic_tax"]["status"] = "complete" if rate else "requires_location_inputs"


def add_up_again(session: Record) -> None:
    """Set a stored session's amounts after a change of its items or its buyer."""
    add_up(session.data, session.private["line_items"], session.private["customer_details"])
    session.save()


def needs_address(session: Json, details: Json | None) -> bool:
    """Tell whether tax can't be calculated, as nobody knows where the buyer is."""
    return bool(session["automatic_tax"]["enabled"] and not _country(details))


def describe_breakdown(session: Json) -> Json:
    """Return a session's discounts and taxes by rate, which Stripe shows only if asked to expand them."""
    private = store.get_record("checkout.session", session["id"]).private
    items, rate = private["line_items"], find_session_rate(session, private["customer_details"])
    taxes = [
        {
            "amount": item["amount_tax"],
            "rate": describe_rate(rate, inclusive=is_inclusive(item["price"])),
            "taxability_reason": rate.reason,
            "taxable_amount": item["amount_subtotal"] - item["amount_discount"],
        }
        for item in items
        if rate
    ]
    return {**session["total_details"], "breakdown": {"discounts": [], "taxes": taxes}}


def find_session_rate(session: Json, details: Json | None) -> Rate | None:
    """Return the tax where a session's buyer is; None if it isn't taxed, or nobody knows where."""
    if not session["automatic_tax"]["enabled"] or not _country(details):
        return None
    assert details is not None  # noqa: S101 - it has a country
    return find_rate(details["address"], details["tax_ids"] or [])


def _country(details: Json | None) -> str:
    return ((details or {}).get("address") or {}).get("country") or ""
