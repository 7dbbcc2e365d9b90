"""Summarize a portal session for its page."""

from urllib.parse import urlsplit

from sandbox import clock, store
from sandbox.checkout_page.summary import describe_card
from sandbox.models import Record
from sandbox.payments import saved_methods
from sandbox.payments.formatting import format_amount, format_time
from sandbox.shapes import Json

_LASTS_S = 60 * 60


def find_session(session_id: str, secret: str) -> Record | None:
    """Return a portal session to anyone who knows its secret, for an hour. None also if its customer was deleted."""
    record = store.find_record("billing_portal.session", session_id)
    if record is None or record.private["secret"] != secret or clock.get_now() > record.created + _LASTS_S:
        return None
    return None if get_customer(record).deleted else record


def get_customer(session: Record) -> Record:
    return store.get_record("customer", session.data["customer"])


def get_features(session: Record) -> Json:
    """Return what the session's configuration lets the customer do."""
    features: Json = store.get_object("billing_portal.configuration", session.data["configuration"])[
        "features"
    ]
    return features


def list_cards(session: Record) -> list[Record]:
    methods = saved_methods.list_methods(session.data["customer"])
    return [method for method in methods if method.data["type"] == "card"]


def summarize(session: Record) -> Json:
    """Return what the page shows: what the configuration doesn't allow is absent."""
    configuration = store.get_object("billing_portal.configuration", session.data["configuration"])
    features, return_url = configuration["features"], session.data["return_url"]
    default = saved_methods.get_default(get_customer(session))
    return {
        "headline": configuration["business_profile"]["headline"],
        "return_url": return_url,
        "return_to": urlsplit(return_url or "").netloc,
        "shows_cards": features["payment_method_update"]["enabled"],
        "cards": [
            {**describe_card(method.data), "is_default": method.id == default}
            for method in list_cards(session)
        ],
        "shows_plans": features["subscription_update"]["enabled"]
        or features["subscription_cancel"]["enabled"],
        "shows_invoices": features["invoice_history"]["enabled"],
        "invoices": [_describe_invoice(invoice) for invoice in _list_invoices(session)],
    }


def _list_invoices(session: Record) -> list[Json]:
    invoices = store.list_records("invoice").filter(data__customer=session.data["customer"])
    return [record.data for record in invoices if record.data["status"] != "draft"]


def _describe_invoice(invoice: Json) -> Json:
    return {
        "number": invoice["number"],
        "url": invoice["hosted_invoice_url"],
        "date": format_time(invoice["created"]),
        "amount": format_amount(invoice["total"], invoice["currency"]),
        "status": invoice["status"],
    }
