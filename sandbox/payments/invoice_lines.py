"""Make the lines of a subscription's invoices: a period of an item, a trial, and the two sides of a proration."""

from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from sandbox import ids, store
from sandbox.payments.formatting import format_day, format_rate
from sandbox.payments.periods import Period
from sandbox.shapes import Json, make_object


def make_period_line(subscription: Json, item: Json, period: Period) -> Json:
    """Charge an item for a whole period."""
    price = item["price"]
    rate = format_rate(price["unit_amount"], price["currency"], price["recurring"])
    text = f"{item['quantity']} × {_name(price)} (at {rate})"
    return _make_line(subscription, item, get_full_amount(item), text, period)


def make_trial_line(subscription: Json, item: Json, period: Period) -> Json:
    return _make_line(subscription, item, 0, f"Trial period for {_name(item['price'])}", period)


def make_credit_line(subscription: Json, item: Json, debit: Json, at: int) -> Json:
    """Credit what is left at this moment of what an item was last charged: a proration."""
    paid = Period(debit["start"], debit["end"])
    amount = -_take_share(debit["amount"], Period(at, paid.end), paid)
    origin = None
    if debit["invoice"] is not None:
        origin = {"invoice": debit["invoice"], "invoice_line_items": [debit["line"]]}
    text = f"Unused time on {_name_items(item)} after {format_day(at)}"
    return _make_proration(subscription, item, amount, text, Period(at, paid.end), origin)


def make_debit_line(subscription: Json, item: Json, whole: Period, at: int) -> Json:
    """Charge an item from this moment to the end of its period: a proration."""
    rest = Period(at, whole.end)
    amount = _take_share(get_full_amount(item), rest, whole)
    text = f"Remaining time on {_name_items(item)} after {format_day(at)}"
    return _make_proration(subscription, item, amount, text, rest)


def get_full_amount(item: Json) -> int:
    """Return the price of a whole period."""
    return int(item["price"]["unit_amount"] * item["quantity"])


def describe_debit(line: Json) -> Json:
    """Return what must be remembered of a charge, to credit it later."""
    return {"amount": line["amount"], "invoice": line["invoice"], "line": line["id"], **line["period"]}


def is_proration(line: Json) -> bool:
    return bool(line["parent"]["subscription_item_details"]["proration"])


def _take_share(amount: int, part: Period, whole: Period) -> int:
    """Return the amount for a part of a period, by the second."""
    exact = Decimal(amount) * part.length_s / whole.length_s
    return int(exact.quantize(Decimal(1), ROUND_HALF_UP))


def _make_proration(
    subscription: Json, item: Json, amount: int, text: str, period: Period, origin: Json | None = None
) -> Json:
    return _make_line(
        subscription,
        item,
        amount,
        text,
        period,
        discountable=False,
        proration=True,
        invoice_item=ids.make_id("invoiceitem"),
        proration_details={"credited_items": origin},
    )


def _make_line(
    subscription: Json,
    item: Json,
    amount: int,
    text: str,
    period: Period,
    *,
    discountable: bool = True,
    **details: Any,
) -> Json:
    """Make a line with the subscription's metadata, as Stripe does. `details` are those of its parent."""
    price = item["price"]
    parent = {
        "invoice_item": None,
        "proration": False,
        "proration_details": {"credited_items": None},
        "subscription": subscription["id"],
        "subscription_item": item["id"],
        **details,
    }
    return make_object(
        "line_item",
        amount=amount,
        subtotal=amount,
        currency=price["currency"],
        description=text,
        discountable=discountable,
        metadata=dict(subscription["metadata"]),
        parent={
            "invoice_item_details": None,
            "subscription_item_details": parent,
            "type": "subscription_item_details",
        },
        period=period.to_json(),
        pricing={
            "type": "price_details",
            "price_details": {"price": price["id"], "product": price["product"]},
            "unit_amount_decimal": price["unit_amount_decimal"],
        },
        quantity=item["quantity"],
        subscription=subscription["id"],
    )


def _name(price: Json) -> str:
    name: str = store.get_object("product", price["product"])["name"]
    return name


def _name_items(item: Json) -> str:
    name = _name(item["price"])
    return name if item["quantity"] == 1 else f"{item['quantity']} × {name}"
