"""Payment intents, to read: here they come from checkout sessions and from controls."""

from stripe.params._payment_intent_list_params import PaymentIntentListParams
from stripe.params._payment_intent_retrieve_params import PaymentIntentRetrieveParams

from sandbox.shapes import Json
from sandbox.stripe_api.expansion import expands_to
from sandbox.stripe_api.fields import find_in_path
from sandbox.stripe_api.lists import list_page, pick_filters
from sandbox.stripe_api.routing import Call, route

expands_to("payment_intent", customer="customer", latest_charge="charge", payment_method="payment_method")


@route("GET", "/v1/payment_intents", PaymentIntentListParams)
def list_all(call: Call) -> Json:
    return list_page(call, "payment_intent", **pick_filters(call.params, "customer"))


@route("GET", "/v1/payment_intents/{intent}", PaymentIntentRetrieveParams)
def retrieve(call: Call) -> Json:
    return dict(find_in_path("payment_intent", call.ids["intent"], "intent").data)
