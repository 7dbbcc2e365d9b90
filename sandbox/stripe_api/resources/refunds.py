"""Refunds: all or part of a charge given back."""

from stripe.params._charge_list_refunds_params import ChargeListRefundsParams
from stripe.params._refund_cancel_params import RefundCancelParams
from stripe.params._refund_create_params import RefundCreateParams
from stripe.params._refund_list_params import RefundListParams
from stripe.params._refund_retrieve_params import RefundRetrieveParams
from stripe.params._refund_update_params import RefundUpdateParams

from sandbox import store
from sandbox.models import Record
from sandbox.payments.refunds import NotRefundableError, cancel_refund, change_metadata, create_refund
from sandbox.payments.states import WrongStateError
from sandbox.shapes import Json
from sandbox.stripe_api.errors import ApiError, InvalidParameterError, refuse_unsupported
from sandbox.stripe_api.expansion import expands_by, expands_to
from sandbox.stripe_api.fields import find_in_path, pick_fields
from sandbox.stripe_api.lists import list_page, make_list, pick_filters
from sandbox.stripe_api.metadata import merge_metadata
from sandbox.stripe_api.resources.prices import require_amount, require_at_least
from sandbox.stripe_api.routing import Call, route

_UNSUPPORTED = (
    "currency",
    "customer",
    "instructions_email",
    "origin",
    "refund_application_fee",
    "reverse_transfer",
)
_SHOWN_WITH_CHARGE = 10

expands_to(
    "refund",
    balance_transaction="balance_transaction",
    charge="charge",
    customer="customer",
    failure_balance_transaction="balance_transaction",
    payment_intent="payment_intent",
    payment_method="payment_method",
)


def _list_of_charge(charge: Json) -> Json:
    """A charge's latest refunds, absent from it unless asked for."""
    found = list(store.list_records("refund").filter(data__charge=charge["id"])[: _SHOWN_WITH_CHARGE + 1])
    shown = [refund.data for refund in found[:_SHOWN_WITH_CHARGE]]
    return make_list(f"/v1/charges/{charge['id']}/refunds", shown, has_more=len(found) > _SHOWN_WITH_CHARGE)


expands_by("charge", "refunds", _list_of_charge)


@route("POST", "/v1/refunds", RefundCreateParams)
def create(call: Call) -> Json:
    refuse_unsupported(call.params, _UNSUPPORTED)
    amount = call.params.get("amount")
    if amount is not None:
        require_at_least(1, amount, "amount")
    charge = _find_charge(call.params)
    if amount is not None:
        require_amount(amount, charge.data["currency"], "amount")
    fields = pick_fields(call.params, "reason")
    metadata = merge_metadata({}, call.params.get("metadata"))
    try:
        refund = create_refund(charge, amount, metadata=metadata, **fields)
    except NotRefundableError as error:
        raise ApiError(str(error), code=error.code, param=error.param) from None
    return dict(refund.data)


def _find_charge(params: Json) -> Record:
    """The charge to refund, named by itself or by its payment intent. Raises ApiError."""
    if "charge" in params and "payment_intent" in params:
        raise InvalidParameterError("You may only specify one of these parameters: charge, payment_intent.")
    if "charge" in params:
        return find_in_path("charge", params["charge"])
    if "payment_intent" not in params:
        raise InvalidParameterError(
            "One of the following params should be provided for this request: payment_intent or charge."
        )
    intent = find_in_path("payment_intent", params["payment_intent"], "payment_intent").data
    if intent["latest_charge"] is None:
        raise ApiError(f"This PaymentIntent ({intent['id']}) does not have a successful charge to refund.")
    return store.get_record("charge", intent["latest_charge"])


@route("GET", "/v1/refunds", RefundListParams)
def list_all(call: Call) -> Json:
    return list_page(call, "refund", **pick_filters(call.params, "charge", "payment_intent"))


@route("GET", "/v1/charges/{id}/refunds", ChargeListRefundsParams)
def list_of_charge(call: Call) -> Json:
    """Where the list inside an expanded charge goes on."""
    return list_page(call, "refund", data__charge=find_in_path("charge", call.ids["id"]).id)


def _find(call: Call) -> Record:
    return find_in_path("refund", call.ids["refund"], "refund")


@route("GET", "/v1/refunds/{refund}", RefundRetrieveParams)
def retrieve(call: Call) -> Json:
    return dict(_find(call).data)


@route("POST", "/v1/refunds/{refund}", RefundUpdateParams)
def update(call: Call) -> Json:
    """Nothing about a refund can be changed but its metadata."""
    refund = _find(call)
    change_metadata(refund, merge_metadata(refund.data["metadata"], call.params.get("metadata")))
    return dict(refund.data)


@route("POST", "/v1/refunds/{refund}/cancel", RefundCancelParams)
def cancel(call: Call) -> Json:
    """Only a refund that waits for the buyer can be called back."""
    refund = _find(call)
    try:
        cancel_refund(refund)
    except WrongStateError:
        raise ApiError("Canceling this refund is unsupported.") from None
    return dict(refund.data)
