"""Charges, to read."""

from stripe.params._charge_list_params import ChargeListParams
from stripe.params._charge_retrieve_params import ChargeRetrieveParams

from sandbox.shapes import Json
from sandbox.stripe_api.expansion import expands_to
from sandbox.stripe_api.fields import find_in_path
from sandbox.stripe_api.lists import list_page, pick_filters
from sandbox.stripe_api.routing import Call, route

expands_to(
    "charge",
    balance_transaction="balance_transaction",
    customer="customer",
    failure_balance_transaction="balance_transaction",
    payment_intent="payment_intent",
)


@route("GET", "/v1/charges", ChargeListParams)
def list_all(call: Call) -> Json:
    return list_page(
        call, "charge", **pick_filters(call.params, "customer", "payment_intent", "transfer_group")
    )


@route("GET", "/v1/charges/{id}", ChargeRetrieveParams)
def retrieve(call: Call) -> Json:
    return dict(find_in_path("charge", call.ids["id"]).data)
