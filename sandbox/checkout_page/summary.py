"""Summarize a session for the page: what is bought, for how much, and how the last attempt ended."""

from sandbox import store
from sandbox.models import Record
from sandbox.payments.formatting import format_amount
from sandbox.payments.sessions import find_intent
from sandbox.shapes import Json

_VERBS = {"book": "Book", "donate": "Donate", "subscribe": "Subscribe for"}


def summarize(session: Record) -> Json:
    """Return what the page shows. `submit_text` is the merchant's, `refusal` tells why the last attempt failed."""
    data, details = session.data, session.private["customer_details"] or {}
    total = format_amount(data["amount_total"], data["currency"])
    verb = _VERBS.get(data["submit_type"] or "", "Pay")
    intent = find_intent(session)
    error = intent.data["last_payment_error"] if intent else None
    return {
        "lines": [_describe_line(item) for item in session.private["line_items"]],
        "total": total,
        "is_free": data["amount_total"] == 0,
        "email": details.get("email") or data["customer_email"] or "",
        "name": details.get("name") or "",
        "email_is_fixed": _knows_email(data),
        "cancel_url": data["cancel_url"],
        "success_url": fill_success_url(data),
        "submit_label": "Complete order" if data["amount_total"] == 0 else f"{verb} {total}",
        "submit_text": (data["custom_text"]["submit"] or {}).get("message", ""),
        "refusal": error["message"] if error else None,
    }


def _knows_email(session: Json) -> bool:
    """Tell whether the merchant gave the buyer's email, directly or by a customer; then it can't be changed."""
    details = session["customer_details"] or {}
    return bool(session["customer_email"] or (session["customer"] and details.get("email")))


def fill_success_url(session: Json) -> str:
    """Return the merchant's URL for after the payment, with the session's id filled in."""
    url: str = session["success_url"]
    return url.replace("{CHECKOUT_SESSION_ID}", session["id"])


def _describe_line(item: Json) -> Json:
    quantity, currency = item["quantity"], item["currency"]
    product = store.get_object("product", item["price"]["product"])
    return {
        "name": item["description"],
        "description": product.get("description"),
        "quantity": quantity,
        "amount": format_amount(item["amount_total"], currency),
        "each": format_amount(item["price"]["unit_amount"], currency) if quantity > 1 else None,
    }
