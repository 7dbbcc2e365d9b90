"""A checkout session from the parameters of its creation."""

from typing import Any

from sandbox import clock
from sandbox.account import get_account
from sandbox.payments.currencies import format_amount, get_maximum, get_minimum
from sandbox.payments.sessions import make_customer_details
from sandbox.shapes import Json, make_object
from sandbox.stripe_api.email_addresses import check_email
from sandbox.stripe_api.errors import ApiError, InvalidParameterError, refuse_unsupported
from sandbox.stripe_api.fields import find_in_parameter, pick_fields
from sandbox.stripe_api.line_items import build_line_items
from sandbox.stripe_api.metadata import merge_metadata

_SHORTEST_S = 30 * 60
_LONGEST_S = 24 * 60 * 60
_COPIED = (
    "allow_promotion_codes",
    "billing_address_collection",
    "cancel_url",
    "client_reference_id",
    "consent_collection",
    "customer_email",
    "integration_identifier",
    "locale",
    "origin_context",
    "payment_method_options",
    "payment_method_types",
    "phone_number_collection",
    "shipping_address_collection",
    "submit_type",
    "success_url",
)
_UNSUPPORTED = ("discounts", "optional_items", "setup_intent_data", "shipping_options", "subscription_data")
_INTENT_FIELDS = (
    "capture_method",
    "description",
    "on_behalf_of",
    "receipt_email",
    "setup_future_usage",
    "statement_descriptor",
    "statement_descriptor_suffix",
    "transfer_group",
)


def build_session(params: dict[str, Any], base_url: str) -> tuple[Json, Json]:
    """A session, and what Stripe keeps to itself about it. Raises ApiError for what makes no sense."""
    _check_account()
    _check_mode(params)
    refuse_unsupported(params, _UNSUPPORTED)
    _check_urls(params)
    check_email(params, "customer_email")
    check_email(params.get("payment_intent_data", {}), "receipt_email", "payment_intent_data[receipt_email]")
    items = build_line_items(params)
    session = make_object("checkout.session", **pick_fields(params, *_COPIED))
    session["url"] = f"{base_url}/c/pay/{session['id']}"
    session["metadata"] = merge_metadata({}, params.get("metadata"))
    session["expires_at"] = _read_expiry(params)
    _set_invoice_creation(session, params.get("invoice_creation", {}))
    session["custom_text"].update(params.get("custom_text", {}))
    session["adaptive_pricing"] = {"enabled": params.get("adaptive_pricing", {}).get("enabled", False)}
    session["automatic_tax"] = _describe_tax(params.get("automatic_tax", {}))
    _set_amounts(session, items)
    _set_customer(session, params)
    return session, _keep_private(session, params, items, base_url)


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
        raise InvalidParameterError("Missing required param: mode.", code="parameter_missing", param="mode")
    if params["mode"] != "payment":
        raise InvalidParameterError("The local sandbox knows mode=payment only, so far.", param="mode")
    if params.get("ui_mode", "hosted_page") != "hosted_page":
        raise InvalidParameterError("The local sandbox knows ui_mode=hosted_page only.", param="ui_mode")


def _check_urls(params: dict[str, Any]) -> None:
    if "success_url" not in params:
        raise InvalidParameterError(
            "Missing required param: success_url.", code="parameter_missing", param="success_url"
        )
    for name in ("success_url", "cancel_url"):
        if name in params and not params[name].startswith(("http://", "https://")):
            raise InvalidParameterError("Not a valid URL", code="url_invalid", param=name)


def _read_expiry(params: dict[str, Any]) -> int:
    """When the session closes: in a day, or as asked, at least 30 minutes and less than 24 hours from now."""
    now = clock.get_now()
    if "expires_at" not in params:
        return now + _LONGEST_S
    expires_at: int = params["expires_at"]
    if expires_at < now + _SHORTEST_S:
        raise _refuse_expiry("at least 30 minutes")
    if expires_at >= now + _LONGEST_S:
        raise _refuse_expiry("less than 24 hours")
    return expires_at


def _refuse_expiry(bound: str) -> InvalidParameterError:
    message = f"The `expires_at` timestamp must be {bound} from Checkout Session creation."
    return InvalidParameterError(message, param="expires_at")


def _set_invoice_creation(session: Json, given: dict[str, Any]) -> None:
    """Whether an invoice is made out once it is paid, and with which words on it."""
    session["invoice_creation"]["enabled"] = given.get("enabled", False)
    data = given.get("invoice_data", {})
    refuse_unsupported(
        data,
        ("account_tax_ids", "custom_fields", "issuer", "rendering_options"),
        "invoice_creation[invoice_data]",
    )
    session["invoice_creation"]["invoice_data"].update(
        pick_fields(data, "description", "footer"),
        metadata=merge_metadata({}, data.get("metadata"), "invoice_creation[invoice_data][metadata]"),
    )


def _describe_tax(given: dict[str, Any]) -> Json:
    """Automatic tax may be asked for. None is due in the sandbox."""
    if not given.get("enabled"):
        return {"enabled": False, "liability": None, "provider": None, "status": None}
    liability = given.get("liability", {"type": "self"})
    return {"enabled": True, "liability": liability, "provider": "stripe", "status": "complete"}


def _set_amounts(session: Json, items: list[Json]) -> None:
    total = sum(item["amount_total"] for item in items)
    session.update(amount_subtotal=total, amount_total=total, currency=items[0]["currency"])
    session["payment_status"] = "unpaid" if total else "no_payment_required"
    _require_payable(total, session["currency"])


def _require_payable(total: int, currency: str) -> None:
    """Raises ApiError for a total that no card can be charged. Nothing at all is fine: it completes without one."""
    subject = "The Checkout Session's total amount due must"
    smallest, largest = get_minimum(currency), get_maximum(currency)
    if 0 < total < smallest:
        message = f"{subject} add up to at least {format_amount(smallest, currency)} {currency}"
        raise InvalidParameterError(message, code="amount_too_small")
    if total > largest:
        message = f"{subject} be no more than {format_amount(largest, currency)}."
        raise InvalidParameterError(message, code="amount_too_large")


def _set_customer(session: Json, params: dict[str, Any]) -> None:
    """A known customer, or a guest who may become one."""
    if "customer" not in params:
        session["customer_creation"] = params.get("customer_creation", "if_required")
        if "customer_email" in params:
            session["customer_details"] = make_customer_details(params["customer_email"])
        return
    for other in ("customer_email", "customer_creation"):
        if other in params:
            raise ApiError(f"You may only specify one of these parameters: customer, {other}.", param=other)
    customer = find_in_parameter("customer", params["customer"], "customer").data
    session["customer"] = customer["id"]
    session["customer_details"] = make_customer_details(customer["email"], customer["name"])


def _keep_private(session: Json, params: dict[str, Any], items: list[Json], base_url: str) -> Json:
    data = params.get("payment_intent_data", {})
    intent = pick_fields(data, *_INTENT_FIELDS)
    intent["metadata"] = merge_metadata({}, data.get("metadata"), "payment_intent_data[metadata]")
    return {
        "base_url": base_url,
        "customer": session["customer"],
        "customer_details": session["customer_details"],
        "line_items": items,
        "payment_intent_data": intent,
    }
