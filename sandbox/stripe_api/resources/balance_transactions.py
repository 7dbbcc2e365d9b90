"""Balance transactions: what reached the merchant's balance, and Stripe's fee."""

from stripe.params._balance_transaction_list_params import BalanceTransactionListParams
from stripe.params._balance_transaction_retrieve_params import BalanceTransactionRetrieveParams

from sandbox.shapes import Json
from sandbox.stripe_api.expansion import expands_to
from sandbox.stripe_api.fields import find_in_path
from sandbox.stripe_api.lists import list_page, pick_filters
from sandbox.stripe_api.routing import Call, route

expands_to("balance_transaction", source="charge")


@route("GET", "/v1/balance_transactions", BalanceTransactionListParams)
def list_all(call: Call) -> Json:
    return list_page(call, "balance_transaction", **pick_filters(call.params, "currency", "source", "type"))


@route("GET", "/v1/balance_transactions/{id}", BalanceTransactionRetrieveParams)
def retrieve(call: Call) -> Json:
    return dict(find_in_path("balance_transaction", call.ids["id"]).data)
