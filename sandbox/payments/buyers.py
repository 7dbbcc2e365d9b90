"""Keep what a checkout learns about its buyer: on the session, and as far as the merchant asked, on the customer."""

import re
from dataclasses import dataclass
from typing import Any

from sandbox import store
from sandbox.models import Record
from sandbox.payments.customers import create_customer
from sandbox.shapes import Json, make_part
from sandbox.webhooks.events import change_and_emit

_VAT = re.compile(r"^[A-Z]{2}")


@dataclass(frozen=True)
class Buyer:
    """Hold what the page asks about the buyer. `saves_card` is the ticked box."""

    email: str | None = None
    name: str | None = None
    address: Json | None = None
    tax_id: str | None = None
    saves_card: bool = False


def make_address(**given: str | None) -> Json:
    """Return an address as Stripe shows it."""
    return {
        "city": None,
        "country": None,
        "line1": None,
        "line2": None,
        "postal_code": None,
        "state": None,
    } | given


def offers_saving(session: Json) -> bool:
    """Tell whether the page has the box "Save my card"."""
    options = session["saved_payment_method_options"] or {}
    return bool(options.get("payment_method_save") == "enabled")


def save_buyer(session: Record, buyer: Buyer) -> None:
    """Save who pays, and create a customer if the session asks for one, or the buyer's card is to be saved."""
    details: Json = session.private["customer_details"] or make_part("customer_details")
    given = {"email": buyer.email, "name": buyer.name, "address": buyer.address}
    if session.data["customer"] and details["email"]:
        del given["email"]  # the customer's can't be changed
    details.update({name: value for name, value in given.items() if value})
    if buyer.tax_id:
        details["tax_ids"] = [_describe_tax_id(buyer.tax_id)]
    session.private["customer_details"] = details
    data = session.data
    has_invoice = (data["invoice_creation"] or {}).get("enabled")
    wanted = data["customer_creation"] == "always" or has_invoice or buyer.saves_card
    if session.private["customer"] is None and wanted:
        known = {name: details[name] for name in ("email", "name", "address")}
        session.private["customer"] = create_customer(**known).id
    session.save()


def get_email(session: Record) -> str | None:
    """Return the buyer's email, once `save_buyer` has saved it."""
    email: str | None = session.private["customer_details"]["email"]
    return email


def _describe_tax_id(number: str) -> Json:
    """Guess the kind of a tax id by its beginning. Stripe's page knows more kinds."""
    country = _VAT.match(number.upper())
    kind = "us_ein" if country is None else "gb_vat" if country[0] == "GB" else "eu_vat"
    return {"type": kind, "value": number.upper()}


def update_customer(session: Record) -> None:
    """Copy the name and the address to the session's existing customer, as far as `customer_update` says `auto`."""
    wanted: dict[str, str] = session.private.get("customer_update") or {}
    customer = store.find_record("customer", session.private["customer"] or "")
    if customer is None or customer.deleted:
        return
    details = session.private["customer_details"]
    fields: dict[str, Any] = {
        name: details[name]
        for name in ("name", "address")
        if wanted.get(name) == "auto" and details[name] is not None
    }
    change_and_emit(customer, "customer.updated", **fields)
