"""Payment methods, to read."""

from stripe.params._payment_method_list_params import PaymentMethodListParams
from stripe.params._payment_method_retrieve_params import PaymentMethodRetrieveParams

from sandbox.shapes import Json
from sandbox.stripe_api.expansion import expands_to
from sandbox.stripe_api.fields import find_in_path
from sandbox.stripe_api.lists import list_page, pick_filters
from sandbox.stripe_api.routing import Call, route

expands_to("payment_method", customer="customer")


@route("GET", "/v1/payment_methods", PaymentMethodListParams)
def list_all(call: Call) -> Json:
    return list_page(call, "payment_method", **pick_filters(call.params, "customer", "type"))


@route("GET", "/v1/payment_methods/{payment_method}", PaymentMethodRetrieveParams)
def retrieve(call: Call) -> Json:
    return dict(find_in_path("payment_method", call.ids["payment_method"], "payment_method").data)
