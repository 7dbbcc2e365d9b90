"""Build a checkout session from the parameters of its creation."""

from typing import Any

from sandbox import clock
from sandbox.account import get_account
from sandbox.base_url import get_base_url
from sandbox.payments.currencies import get_maximum, get_minimum
from sandbox.payments.formatting import format_amount
from sandbox.payments.totals import add_up, needs_address
from sandbox.shapes import Json, make_object
from sandbox.stripe_api.errors import (
    ApiError,
    InvalidParameterError,
    MissingParameterError,
    refuse_unsupported,
)
from sandbox.stripe_api.fields import check_email, merge_metadata, pick_fields
from sandbox.stripe_api.resources.line_items import build_line_items
from sandbox.stripe_api.resources.session_customers import set_customer, set_saving, set_tax_id_collection
from sandbox.stripe_api.resources.session_setup import check_setup, start_setup
from sandbox.stripe_api.resources.session_subscription import (
    check_mode_parameters,
    prepare_items,
    set_subscription_mode,
)

_SHORTEST_S = 30 * 60
_LONGEST_S = 24 * 60 * 60
_COPIED = """
    allow_promotion_codes billing_address_collection cancel_url client_reference_id consent_collection customer_email
    integration_identifier locale origin_context payment_method_options payment_method_types phone_number_collection
    shipping_address_collection submit_type success_url
""".split()
_UNSUPPORTED = "discounts optional_items shipping_options".split()
_UNSUPPORTED_ON_INVOICE = "account_tax_ids custom_fields issuer rendering_options".split()
_INTENT_FIELDS = """
    capture_method description on_behalf_of receipt_email setup_future_usage statement_descriptor
    statement_descriptor_suffix transfer_group
""".split()


def build_session(params: dict[str, Any]) -> tuple[Json, Json]:
    """Return a session and its private data. Raises ApiError."""
    _check_account()
    _check_mode(params)
    refuse_unsupported(params, _UNSUPPORTED)
    _check_urls(params)
    check_email(params, "customer_email")
    check_email(params.get("payment_intent_data", {}), "receipt_email", "payment_intent_data[receipt_email]")
    items = [] if params["mode"] == "setup" else build_line_items(params)
    session = make_object("checkout.session", mode=params["mode"], **pick_fields(params, _COPIED))
    session["url"] = f"{get_base_url()}/c/pay/{session['id']}"
    session["metadata"] = merge_metadata({}, params.get("metadata"))
    session["expires_at"] = _read_expiry(params)
    _set_invoice_creation(session, params.get("invoice_creation", {}))
    session["custom_text"].update(params.get("custom_text", {}))
    session["adaptive_pricing"] = {"enabled": params.get("adaptive_pricing", {}).get("enabled", False)}
    session["automatic_tax"] = _describe_tax(params.get("automatic_tax", {}))
    set_customer(session, params)
    set_tax_id_collection(session, params)
    set_saving(session, params)
    if params["mode"] == "setup":
        start_setup(session, params)
    else:
        if params["mode"] == "subscription":
            prepare_items(params, items)
        _require_location(session, params)
        _set_amounts(session, items)
    private = _make_private(session, params, items)
    if params["mode"] == "subscription":
        set_subscription_mode(session, private, params)
    return session, private


def _check_account() -> None:
    account = get_account()
    if account.livemode and not account.charges_enabled:
        raise ApiError(
            "Your account cannot currently make live charges. Please activate it at"
            " https://dashboard.stripe.com/account/onboarding to remove this restriction.",
            code="testmode_charges_only",
        )


def _check_mode(params: dict[str, Any]) -> None:
    if "mode" not in params:
        raise MissingParameterError("mode")
    for name, supported in (("mode", ("payment", "setup", "subscription")), ("ui_mode", ("hosted_page",))):
        if params.get(name, supported[0]) not in supported:
            message = f"The local sandbox supports {name}={' and '.join(supported)} only."
            raise InvalidParameterError(message, param=name)
    if params["mode"] == "setup":
        check_setup(params)
    else:
        check_mode_parameters(params)
    if params["mode"] != "setup" and "setup_intent_data" in params:
        message = f"You can not pass `setup_intent_data` in `{params['mode']}` mode."
        raise InvalidParameterError(message, param="setup_intent_data")


def _check_urls(params: dict[str, Any]) -> None:
    if "success_url" not in params:
        raise MissingParameterError("success_url")
    for name in ("success_url", "cancel_url"):
        if name in params and not params[name].startswith(("http://", "https://")):
            raise InvalidParameterError("Not a valid URL", code="url_invalid", param=name)


def _read_expiry(params: dict[str, Any]) -> int:
    """Return when the session expires: in a day, or as given, between 30 minutes and 24 hours from now.

    A client whose clock doesn't follow when ours is moved forward means its own time: it could sell nothing else.
    """
    now = clock.get_now()
    expires_at: int | None = params.get("expires_at")
    if expires_at is None:
        return now + _LONGEST_S
    for moment in (expires_at, expires_at + clock.get_offset()):
        if now + _SHORTEST_S <= moment < now + _LONGEST_S:
            return moment
    bound = "at least 30 minutes" if expires_at < now + _SHORTEST_S else "less than 24 hours"
    message = f"The `expires_at` timestamp must be {bound} from Checkout Session creation."
    raise InvalidParameterError(message, param="expires_at")


def _set_invoice_creation(session: Json, given: dict[str, Any]) -> None:
    session["invoice_creation"]["enabled"] = given.get("enabled", False)
    data = given.get("invoice_data", {})
    refuse_unsupported(data, _UNSUPPORTED_ON_INVOICE, "invoice_creation[invoice_data]")
    session["invoice_creation"]["invoice_data"].update(
        pick_fields(data, ("description", "footer")),
        metadata=merge_metadata({}, data.get("metadata"), "invoice_creation[invoice_data][metadata]"),
    )


def _describe_tax(given: dict[str, Any]) -> Json:
    if not given.get("enabled"):
        return {"enabled": False, "liability": None, "provider": None, "status": None}
    liability = given.get("liability", {"type": "self"})
    status = "requires_location_inputs"
    return {"enabled": True, "liability": liability, "provider": "stripe", "status": status}


def _require_location(session: Json, params: dict[str, Any]) -> None:
    """Raise InvalidParameterError if tax would need an address that is neither known nor saved by the page."""
    if session["customer"] is None or not needs_address(session, session["customer_details"]):
        return
    if params.get("customer_update", {}).get("address") != "auto":
        raise InvalidParameterError(
            "Automatic tax calculation in Checkout requires a valid address on the Customer. Add a valid address to"
            " the Customer or set either `customer_update[address]` to 'auto' or `customer_update[shipping]` to 'auto'"
            " to save the address entered in Checkout to the Customer.",
            code="customer_tax_location_invalid",
            param="automatic_tax",
        )


def _set_amounts(session: Json, items: list[Json]) -> None:
    currency = items[0]["currency"]
    session["currency"] = currency
    add_up(session, items, session["customer_details"])
    total = session["amount_total"]
    subject = "The Checkout Session's total amount due must"
    smallest, largest = get_minimum(currency), get_maximum(currency)
    if 0 < total < smallest:
        message = f"{subject} add up to at least {format_amount(smallest, currency)} {currency}"
        raise InvalidParameterError(message, code="amount_too_small")
    if total > largest:
        message = f"{subject} be no more than {format_amount(largest, currency)}."
        raise InvalidParameterError(message, code="amount_too_large")


def _make_private(session: Json, params: dict[str, Any], items: list[Json]) -> Json:
    data = params.get("payment_intent_data", {})
    intent = pick_fields(data, _INTENT_FIELDS)
    intent["metadata"] = merge_metadata({}, data.get("metadata"), "payment_intent_data[metadata]")
    return {
        "customer": session["customer"],
        "customer_details": session["customer_details"],
        "customer_update": params.get("customer_update", {}),
        "line_items": items,
        "payment_intent_data": intent,
    }
