"""Create, confirm, update and cancel payment intents."""

from typing import Any

from stripe import params as stripe_params

from sandbox import store
from sandbox.models import Record
from sandbox.payments import confirming, intents
from sandbox.payments.confirming import Terms
from sandbox.payments.currencies import get_maximum, get_minimum
from sandbox.payments.formatting import format_amount
from sandbox.payments.settling import report_attempt
from sandbox.shapes import Json
from sandbox.stripe_api.errors import ApiError, CardError, InvalidParameterError, refuse_unsupported
from sandbox.stripe_api.expansion import expands_to
from sandbox.stripe_api.fields import (
    check_email,
    find_in_parameter,
    find_in_path,
    merge_metadata,
    pick_fields,
)
from sandbox.stripe_api.lists import serve_reading
from sandbox.stripe_api.resources.payment_methods import find_usable
from sandbox.stripe_api.resources.prices import read_currency, require_amount, require_at_least
from sandbox.stripe_api.routing import Call, route

_TYPE = "payment_intent"
_PATH = "/v1/payment_intents"
_UNSUPPORTED = """
    allowed_payment_method_types amount_details amount_to_confirm application_fee_amount capture_method
    confirmation_method confirmation_token customer_account excluded_payment_method_types mandate mandate_data
    on_behalf_of payment_details payment_method_configuration payment_method_data payment_method_options radar_options
    shipping transfer_data use_stripe_sdk
""".split()
_FIELDS = """
    description receipt_email setup_future_usage statement_descriptor statement_descriptor_suffix transfer_group
""".split()
_ONLY_WITH_CONFIRM = ("error_on_requires_action", "off_session", "return_url")
_OPEN = ("requires_payment_method", "requires_confirmation", "requires_action")

serve_reading(_TYPE, "customer", id_param="intent")
expands_to(_TYPE, customer="customer", latest_charge="charge", payment_method="payment_method")


@route("POST", _PATH, stripe_params.PaymentIntentCreateParams)
def create(call: Call) -> Json:
    params = call.params
    refuse_unsupported(params, _UNSUPPORTED)
    check_email(params, "receipt_email")
    if not params.get("confirm"):
        for name in _ONLY_WITH_CONFIRM:
            if name in params:
                message = f"`{name}` can only be passed when `confirm` is true."
                raise InvalidParameterError(message, param=name)
    currency = read_currency(params["currency"], "")
    _check_amount(params["amount"], currency)
    customer = (
        find_in_parameter("customer", params["customer"], "customer").id if "customer" in params else None
    )
    method = find_usable(params["payment_method"], "payment_method") if "payment_method" in params else None
    fields = pick_fields(params, _FIELDS)
    fields["metadata"] = merge_metadata({}, params.get("metadata"))
    intent = intents.create_intent(
        params["amount"], currency, customer=customer, **_choose_methods(params), **fields
    )
    if method is not None:
        _offer(intent, method)
    return _confirm(intent, params) if params.get("confirm") else dict(intent.data)


def _check_amount(amount: int, currency: str) -> None:
    """Raise InvalidParameterError for an amount that can't be charged."""
    require_at_least(1, amount, "amount")
    smallest, largest = get_minimum(currency), get_maximum(currency)
    if amount < smallest:
        message = f"Amount must be at least {format_amount(smallest, currency)} {currency}"
        raise InvalidParameterError(message, code="amount_too_small", param="amount")
    if amount > largest:
        message = f"Amount must be no more than {format_amount(largest, currency)}"
        raise InvalidParameterError(message, code="amount_too_large", param="amount")
    require_amount(amount, currency, "amount")


def _choose_methods(params: dict[str, Any]) -> Json:
    """Return the fields that say what can pay: given types, or by default all that the account accepts."""
    automatic = params.get("automatic_payment_methods")
    types = params.get("payment_method_types")
    if types is not None:
        if automatic and automatic["enabled"]:
            raise InvalidParameterError(
                "You may only specify one of these parameters: automatic_payment_methods, payment_method_types."
            )
        if types != ["card"]:
            message = "The local sandbox supports payment intents for cards only."
            raise InvalidParameterError(message, param="payment_method_types")
        return {"payment_method_types": types}
    if automatic and not automatic["enabled"]:
        return {}
    redirects = (automatic or {}).get("allow_redirects", "always")
    return {"automatic_payment_methods": {"allow_redirects": redirects, "enabled": True}}


def _offer(intent: Record, method: Record) -> None:
    """Set the method that the next confirmation charges."""
    confirming.require_usable(intent, method)
    store.change(intent, payment_method=method.id, status="requires_confirmation", next_action=None)


@route("POST", _PATH + "/{id}/confirm", stripe_params.PaymentIntentConfirmParams)
def confirm(call: Call) -> Json:
    refuse_unsupported(call.params, [*_UNSUPPORTED, "payment_method_types"])
    check_email(call.params, "receipt_email")
    intent = _find_own(call, "confirm")
    _require_open(intent)
    store.change(intent, **pick_fields(call.params, ("receipt_email", "setup_future_usage")))
    if "payment_method" in call.params:
        _offer(intent, find_usable(call.params["payment_method"], "payment_method"))
    return _confirm(intent, call.params)


def _require_open(intent: Record) -> None:
    """Raise ApiError unless the intent can be confirmed."""
    status = intent.data["status"]
    if status in _OPEN:
        return
    if status == "succeeded":
        message = "it has already succeeded after being previously confirmed."
    else:
        allowed = ", ".join(_OPEN)
        message = (
            f"it has a status of {status}. Only a PaymentIntent with one of the following statuses may be confirmed:"
            f" {allowed}."
        )
    raise _refuse_state(f"You cannot confirm this PaymentIntent because {message}", intent)


def _refuse_state(message: str, intent: Record) -> ApiError:
    return ApiError(message, code="payment_intent_unexpected_state", details={"payment_intent": intent.data})


def _confirm(intent: Record, params: dict[str, Any]) -> Json:
    """Try to take the money and return the intent. Raises CardError if the bank declines, ApiError before."""
    if intent.data["payment_method"] is None:
        raise _refuse_state(
            "You cannot confirm this PaymentIntent because it's missing a payment method. You can either update the"
            " PaymentIntent with a payment method and then confirm it again, or confirm it again directly with a"
            " payment method or ConfirmationToken.",
            intent,
        )
    _require_return_url(intent, params)
    terms = Terms(
        off_session=params.get("off_session", False) is not False,  # or one of two old words
        return_url=params.get("return_url"),
        refuses_action=params.get("error_on_requires_action", False),
    )
    confirming.confirm_intent(
        intent, store.get_record("payment_method", intent.data["payment_method"]), terms
    )
    report_attempt(intent)
    if intent.data["status"] == "requires_payment_method":
        raise CardError(intent.data["last_payment_error"], payment_intent=intent.data)
    return dict(intent.data)


def _require_return_url(intent: Record, params: dict[str, Any]) -> None:
    """Raise ApiError without a URL to come back to from methods that redirect, which any account may accept."""
    url = params.get("return_url")
    if url is not None and "://" not in url:
        raise InvalidParameterError("Not a valid URL", code="url_invalid", param="return_url")
    automatic = intent.data["automatic_payment_methods"]
    if url is None and automatic is not None and automatic["allow_redirects"] == "always":
        raise ApiError(
            "This PaymentIntent is configured to accept payment methods enabled in your Dashboard. Because some of"
            " these payment methods might redirect your customer off of your page, you must provide a `return_url`. If"
            " you don't want to accept redirect-based payment methods, set `automatic_payment_methods[enabled]` to"
            " `true` and `automatic_payment_methods[allow_redirects]` to `never` when creating Setup Intents and"
            " Payment Intents.",
            details={"payment_intent": intent.data},
        )


@route("POST", _PATH + "/{id}/cancel", stripe_params.PaymentIntentCancelParams)
def cancel(call: Call) -> Json:
    intent = _find_own(call, "cancel")
    confirming.cancel_intent(intent, call.params.get("cancellation_reason"))
    return dict(intent.data)


@route("POST", _PATH + "/{id}", stripe_params.PaymentIntentUpdateParams)
def update(call: Call) -> Json:
    """Update an intent. What a buyer agreed to can change only until it is paid or canceled."""
    params = call.params
    refuse_unsupported(params, [*_UNSUPPORTED, "payment_method_types"])
    check_email(params, "receipt_email")
    intent = find_in_path(_TYPE, call.ids["id"], "intent")
    for name in ("amount", "currency", "customer", "payment_method", "setup_future_usage"):
        if name in params and intent.data["status"] not in _OPEN:
            raise _refuse_state(
                f"This PaymentIntent's {name} could not be updated because it has a status of"
                f" {intent.data['status']}. You may only update the {name} of a PaymentIntent with one of the following"
                f" statuses: {', '.join(_OPEN)}.",
                intent,
            )
    currency = read_currency(params.get("currency", intent.data["currency"]), "")
    _check_amount(params.get("amount", intent.data["amount"]), currency)
    fields = pick_fields(params, ("amount", *_FIELDS))
    fields["metadata"] = merge_metadata(intent.data["metadata"], params.get("metadata"))
    store.change(intent, currency=currency, **_choose_customer(intent, params), **fields)
    if "payment_method" in params:
        _offer(intent, find_usable(params["payment_method"], "payment_method"))
    return dict(intent.data)


def _choose_customer(intent: Record, params: dict[str, Any]) -> Json:
    """Return the customer to set. Raises ApiError for another than the intent's."""
    if "customer" not in params or params["customer"] == intent.data["customer"]:
        return {}
    if intent.data["customer"] is not None:
        raise ApiError(
            "You cannot modify `customer` on a PaymentIntent once it already has been set. To fulfill a payment with a"
            " different Customer, cancel this PaymentIntent and create a new one.",
            param="customer",
        )
    return {"customer": find_in_parameter("customer", params["customer"], "customer").id}


def _find_own(call: Call, verb: str) -> Record:
    """Find an intent in the path. Raises ApiError for one that belongs to a checkout session."""
    intent = find_in_path(_TYPE, call.ids["id"], "intent")
    if store.list_records("checkout.session").filter(data__payment_intent=intent.id).exists():
        advice = " Expire the Checkout Session instead." if verb == "cancel" else ""
        raise ApiError(f"You cannot {verb} a PaymentIntent created by a Checkout Session.{advice}")
    return intent
