"""Balance transactions: what reached the merchant's balance, and Stripe's fee."""

from typing import Any

from stripe.params._balance_transaction_list_params import BalanceTransactionListParams
from stripe.params._balance_transaction_retrieve_params import BalanceTransactionRetrieveParams

from sandbox import store
from sandbox.shapes import Json
from sandbox.stripe_api.expansion import expands_by
from sandbox.stripe_api.fields import find_in_path
from sandbox.stripe_api.lists import list_page, pick_filters
from sandbox.stripe_api.routing import Call, route

_SOURCES = {"ch": "charge", "re": "refund", "du": "dispute"}


def _look_up_source(transaction: Json) -> Any:
    """What moved the money: a charge, a refund or a dispute, as its id begins."""
    source = transaction["source"]
    if not isinstance(source, str):
        return source
    return store.get_object(_SOURCES[source.partition("_")[0]], source)


expands_by("balance_transaction", "source", _look_up_source)


@route("GET", "/v1/balance_transactions", BalanceTransactionListParams)
def list_all(call: Call) -> Json:
    return list_page(call, "balance_transaction", **pick_filters(call.params, "currency", "source", "type"))


@route("GET", "/v1/balance_transactions/{id}", BalanceTransactionRetrieveParams)
def retrieve(call: Call) -> Json:
    return dict(find_in_path("balance_transaction", call.ids["id"]).data)
