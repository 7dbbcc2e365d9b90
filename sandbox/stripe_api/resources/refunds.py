"""Create, read, update and cancel refunds."""

from stripe import params as stripe_params

from sandbox import store
from sandbox.models import Record
from sandbox.payments.refunds import NotRefundableError, cancel_refund, change_metadata, create_refund
from sandbox.payments.states import WrongStateError
from sandbox.shapes import Json
from sandbox.stripe_api.errors import ApiError, InvalidParameterError, refuse_unsupported
from sandbox.stripe_api.expansion import expands_by, expands_to
from sandbox.stripe_api.fields import find_in_path, merge_metadata, pick_fields
from sandbox.stripe_api.lists import list_page, make_list, serve_reading
from sandbox.stripe_api.resources.prices import require_amount, require_at_least
from sandbox.stripe_api.routing import Call, route

_UNSUPPORTED = "currency customer instructions_email origin refund_application_fee reverse_transfer".split()
_SHOWN_WITH_CHARGE = 10

serve_reading("refund", "charge", "payment_intent", id_param="refund")
expands_to(
    "refund",
    balance_transaction="balance_transaction",
    charge="charge",
    customer="customer",
    failure_balance_transaction="balance_transaction",
    payment_intent="payment_intent",
    payment_method="payment_method",
)


def _list_latest(charge: Json) -> Json:
    found = list(store.list_records("refund").filter(data__charge=charge["id"])[: _SHOWN_WITH_CHARGE + 1])
    shown = [refund.data for refund in found[:_SHOWN_WITH_CHARGE]]
    return make_list(f"/v1/charges/{charge['id']}/refunds", shown, has_more=len(found) > _SHOWN_WITH_CHARGE)


expands_by("charge", "refunds", _list_latest)


@route("POST", "/v1/refunds", stripe_params.RefundCreateParams)
def create(call: Call) -> Json:
    refuse_unsupported(call.params, _UNSUPPORTED)
    amount = call.params.get("amount")
    if amount is not None:
        require_at_least(1, amount, "amount")
    charge = _find_charge(call.params)
    if amount is not None:
        require_amount(amount, charge.data["currency"], "amount")
    fields = pick_fields(call.params, ("reason",))
    metadata = merge_metadata({}, call.params.get("metadata"))
    try:
        refund = create_refund(charge, amount, metadata=metadata, **fields)
    except NotRefundableError as error:
        raise ApiError(str(error), code=error.code, param=error.param) from None
    return dict(refund.data)


def _find_charge(params: Json) -> Record:
    """Return the charge to refund, given directly or by its payment intent. Raises ApiError."""
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


@route("GET", "/v1/charges/{id}/refunds", stripe_params.ChargeListRefundsParams)
def list_of_charge(call: Call) -> Json:
    """Continue the list inside an expanded charge."""
    return list_page(call, "refund", data__charge=find_in_path("charge", call.ids["id"]).id)


def _find(call: Call) -> Record:
    return find_in_path("refund", call.ids["id"], "refund")


@route("POST", "/v1/refunds/{id}", stripe_params.RefundUpdateParams)
def update(call: Call) -> Json:
    """Update a refund's metadata, the only thing that can change."""
    refund = _find(call)
    change_metadata(refund, merge_metadata(refund.data["metadata"], call.params.get("metadata")))
    return dict(refund.data)


@route("POST", "/v1/refunds/{id}/cancel", stripe_params.RefundCancelParams)
def cancel(call: Call) -> Json:
    refund = _find(call)
    try:
        cancel_refund(refund)
    except WrongStateError:
        raise ApiError("Canceling this refund is unsupported.") from None
    return dict(refund.data)
