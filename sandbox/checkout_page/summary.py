"""A session as the page shows it: what is bought, for how much, and how the last attempt ended."""

from dataclasses import dataclass

from sandbox import store
from sandbox.models import Record
from sandbox.payments.currencies import format_amount
from sandbox.payments.sessions import find_intent
from sandbox.shapes import Json


@dataclass(frozen=True)
class Line:
    """One line of the order. `each` is None for a single piece, whose price is the line's amount."""

    name: str
    description: str | None
    quantity: int
    amount: str
    each: str | None


@dataclass(frozen=True)
class Summary:
    """The order and the links out of it. `submit_text` is the merchant's own word beside the button, `refusal` is
    Stripe's message about the last attempt, if it failed.
    """

    lines: list[Line]
    total: str
    is_free: bool
    email: str
    name: str
    email_is_fixed: bool
    cancel_url: str | None
    success_url: str
    submit_label: str
    submit_text: str
    refusal: str | None


def summarize(session: Record) -> Summary:
    data, details = session.data, session.private["customer_details"] or {}
    total = format_amount(data["amount_total"], data["currency"])
    return Summary(
        lines=[_describe_line(item) for item in session.private["line_items"]],
        total=total,
        is_free=data["amount_total"] == 0,
        email=details.get("email") or data["customer_email"] or "",
        name=details.get("name") or "",
        email_is_fixed=_knows_email(data),
        cancel_url=data["cancel_url"],
        success_url=fill_success_url(data),
        submit_label=_label_submit(data, total),
        submit_text=(data["custom_text"]["submit"] or {}).get("message", ""),
        refusal=_find_refusal(session),
    )


def _knows_email(session: Json) -> bool:
    """Whether the merchant gave the buyer's address, by itself or with the customer: then it stands."""
    details = session["customer_details"] or {}
    return bool(session["customer_email"] or (session["customer"] and details.get("email")))


def fill_success_url(session: Json) -> str:
    """The merchant's page for after the payment, with the session's id where it asked for it."""
    url: str = session["success_url"]
    return url.replace("{CHECKOUT_SESSION_ID}", session["id"])


def _describe_line(item: Json) -> Line:
    quantity, currency = item["quantity"], item["currency"]
    product = store.get_object("product", item["price"]["product"])
    each = format_amount(item["price"]["unit_amount"], currency) if quantity > 1 else None
    amount = format_amount(item["amount_total"], currency)
    return Line(item["description"], product.get("description"), quantity, amount, each)


_VERBS = {"book": "Book", "donate": "Donate", "subscribe": "Subscribe for"}


def _label_submit(session: Json, total: str) -> str:
    if session["amount_total"] == 0:
        return "Complete order"
    return f"{_VERBS.get(session['submit_type'] or '', 'Pay')} {total}"


def _find_refusal(session: Record) -> str | None:
    intent = find_intent(session)
    error = intent.data["last_payment_error"] if intent else None
    return error["message"] if error else None
