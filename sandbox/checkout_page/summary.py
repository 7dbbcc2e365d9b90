"""Summarize a session for the page: what is bought, for how much, and how the last attempt ended."""

from sandbox import store
from sandbox.checkout_page.addresses import ADDRESS_FIELDS
from sandbox.models import Record
from sandbox.payments import setup_sessions
from sandbox.payments.cards import spell_brand
from sandbox.payments.formatting import format_amount, format_day, format_rate
from sandbox.payments.sessions import find_intent, is_free, list_offered
from sandbox.payments.subscription_checkouts import find_trial_end, is_subscription
from sandbox.shapes import Json

_VERBS = {"book": "Book", "donate": "Donate", "subscribe": "Subscribe for"}


def summarize(session: Record) -> Json:
    """Return what the page shows. `submit_text` is the merchant's, `refusal` tells why the last attempt failed."""
    data, details = session.data, session.private["customer_details"] or {}
    is_setup = data["mode"] == "setup"
    total = "" if is_setup else format_amount(data["amount_total"], data["currency"])
    address = details.get("address") or {}
    return {
        "lines": [_describe_line(item) for item in session.private["line_items"]],
        "total": total,
        "parts": [] if is_setup else _describe_parts(data),
        "takes_code": bool(data["allow_promotion_codes"]) and not data["discounts"],
        "is_free": is_free(session),
        "is_subscription": is_subscription(session),
        "rate": _describe_rate(session) if is_subscription(session) else None,
        "is_setup": is_setup,
        "saved_cards": [describe_card(method.data) for method in list_offered(session)],
        "email": details.get("email") or data["customer_email"] or "",
        "name": details.get("name") or "",
        "address": {name: address.get(name) or "" for name in ADDRESS_FIELDS},
        "email_is_fixed": _knows_email(data),
        "cancel_url": data["cancel_url"],
        "success_url": fill_success_url(data),
        "submit_label": _label_submit(data, total),
        "submit_text": (data["custom_text"]["submit"] or {}).get("message", ""),
        "refusal": _find_refusal(session),
    }


def _describe_parts(session: Json) -> list[Json]:
    """Return what is between the items and the total: subtotal, discount and tax, if there is any."""
    details, currency = session["total_details"], session["currency"]
    is_on_top = session["amount_total"] > session["amount_subtotal"] - details["amount_discount"]
    amounts = {
        "Discount": -details["amount_discount"],
        "Tax" if is_on_top else "Tax included": details["amount_tax"],
    }
    parts = {name: amount for name, amount in amounts.items() if amount}
    if parts:
        parts = {"Subtotal": session["amount_subtotal"], **parts}
    return [{"name": name, "amount": format_amount(amount, currency)} for name, amount in parts.items()]


def _label_submit(session: Json, total: str) -> str:
    if session["mode"] == "setup":
        return "Save card"
    if session["mode"] == "subscription":
        return "Subscribe" if session["amount_total"] else "Start trial"
    verb = _VERBS.get(session["submit_type"] or "", "Pay")
    return "Complete order" if session["amount_total"] == 0 else f"{verb} {total}"


def _describe_rate(session: Record) -> str:
    """Say what the subscription costs from when on, e.g. `$40.00 / month`."""
    items = session.private["line_items"]
    price = items[0]["price"]
    amount = sum(item["price"]["unit_amount"] * item["quantity"] for item in items)
    rate = format_rate(amount, price["currency"], price["recurring"])
    trial_end = find_trial_end(session.private["subscription_data"])
    return f"then {rate}, from {format_day(trial_end)}" if trial_end else rate


def _find_refusal(session: Record) -> str | None:
    """Return why the last attempt failed."""
    if setup_sessions.is_setup(session):
        saving = setup_sessions.find_setup_intent(session)
        error = saving.data["last_setup_error"] if saving else None
    else:
        intent = find_intent(session)
        error = intent.data["last_payment_error"] if intent else None
    return error["message"] if error else None


def describe_card(method: Json) -> Json:
    """Return what a page shows of a saved card."""
    card = method["card"]
    return {
        "id": method["id"],
        "name": f"{spell_brand(card['brand'])} •••• {card['last4']}",
        "expiry": f"{card['exp_month']:02} / {card['exp_year'] % 100:02}",
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
        "amount": format_amount(item["amount_subtotal"], currency),
        "each": format_amount(item["price"]["unit_amount"], currency) if quantity > 1 else None,
    }
