"""Read, update, attach and detach payment methods."""

from typing import Any

from stripe import params as stripe_params

from sandbox.models import Record
from sandbox.payments import methods, saved_methods
from sandbox.shapes import Json
from sandbox.stripe_api.errors import (
    CardError,
    InvalidParameterError,
    MissingParameterError,
    NoSuchObjectError,
    refuse_unsupported,
)
from sandbox.stripe_api.expansion import expands_to
from sandbox.stripe_api.fields import (
    check_email,
    find_in_parameter,
    find_in_path,
    find_undeleted,
    merge_metadata,
    pick_fields,
)
from sandbox.stripe_api.lists import list_page, serve_reading
from sandbox.stripe_api.routing import Call, route

_TYPE = "payment_method"
_PATH = "/v1/payment_methods"
_OF_CUSTOMER = "/v1/customers/{customer}/payment_methods"
_BILLING = ("address", "email", "name", "phone", "tax_id")


def _choose(params: Json) -> Json:
    if "customer" in params:
        find_in_parameter("customer", params["customer"], "customer")
    return {}


serve_reading(_TYPE, "customer", "type", "allow_redisplay", id_param=_TYPE, choose=_choose)
expands_to(_TYPE, customer="customer")


@route("GET", _OF_CUSTOMER, stripe_params.CustomerListPaymentMethodsParams)
def list_of_customer(call: Call) -> Json:
    customer = find_undeleted("customer", call.ids["customer"])
    return list_page(call, _TYPE, "type", "allow_redisplay", data__customer=customer.id)


@route("GET", _OF_CUSTOMER + "/{id}", stripe_params.CustomerRetrievePaymentMethodParams)
def retrieve_of_customer(call: Call) -> Json:
    customer = find_undeleted("customer", call.ids["customer"])
    method = find_in_path(_TYPE, call.ids["id"], _TYPE)
    if method.data["customer"] != customer.id:
        raise NoSuchObjectError(_TYPE, method.id, _TYPE)
    return dict(method.data)


def find_usable(method_id: str, param: str) -> Record:
    """Find a method in a parameter, or create one for a test id such as ``pm_card_visa``. Raises ApiError (400)."""
    created = methods.create_alias_method(method_id)
    return created or find_in_parameter(_TYPE, method_id, param)


@route("POST", _PATH + "/{id}/attach", stripe_params.PaymentMethodAttachParams)
def attach(call: Call) -> Json:
    refuse_unsupported(call.params, ("customer_account",))
    if "customer" not in call.params:
        raise MissingParameterError("customer")
    customer = find_in_parameter("customer", call.params["customer"], "customer")
    method = methods.create_alias_method(call.ids["id"]) or find_in_path(_TYPE, call.ids["id"], _TYPE)
    decline = methods.find_decline(method) if method.data["type"] == "card" else None
    if decline is not None and not methods.get_test_card(method).can_be_saved:
        raise CardError(decline.to_error())
    saved_methods.attach(method, customer.id)
    return dict(method.data)


@route("POST", _PATH + "/{id}/detach", stripe_params.PaymentMethodDetachParams)
def detach(call: Call) -> Json:
    method = find_in_path(_TYPE, call.ids["id"], _TYPE)
    saved_methods.detach(method)
    return dict(method.data)


@route("POST", _PATH + "/{id}", stripe_params.PaymentMethodUpdateParams)
def update(call: Call) -> Json:
    refuse_unsupported(call.params, ("payto", "us_bank_account"))
    refuse_unsupported(call.params.get("card", {}), ("networks",), "card")
    method = find_in_path(_TYPE, call.ids["id"], _TYPE)
    fields = pick_fields(call.params, ("allow_redisplay",))
    fields["metadata"] = merge_metadata(method.data["metadata"], call.params.get("metadata"))
    fields["billing_details"] = _update_billing(method.data["billing_details"], call.params)
    if "card" in call.params:
        fields["card"] = _update_card(method, call.params["card"])
    saved_methods.update_method(method, **fields)
    return dict(method.data)


def _update_billing(former: Json, params: dict[str, Any]) -> Json:
    given = params.get("billing_details", {})
    check_email(given, "email", "billing_details[email]")
    fields = pick_fields(given, _BILLING)
    if fields.get("address"):
        fields["address"] = {**former["address"], **fields["address"]}
    return {**former, **fields}


def _update_card(method: Record, given: dict[str, Any]) -> Json:
    """Return the card with another expiry, the only thing about it that can change. Raises InvalidParameterError."""
    if method.data["type"] != "card":
        raise InvalidParameterError(
            f"You cannot update `card` on a PaymentMethod of type `{method.data['type']}`.", param="card"
        )
    card = {**method.data["card"], **pick_fields(given, ("exp_month", "exp_year"))}
    for name, least, most in (("exp_month", 1, 12), ("exp_year", 2000, 2099)):
        if not least <= card[name] <= most:
            word = name.removeprefix("exp_")
            error = {
                "code": f"invalid_expiry_{word}",
                "message": f"Your card's expiration {word} is invalid.",
            }
            raise CardError({**error, "type": "card_error", "param": name})
    return card
