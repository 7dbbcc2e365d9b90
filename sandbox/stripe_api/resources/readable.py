"""Read what is created by payments only: charges and balance transactions."""

from typing import Any

from sandbox import store
from sandbox.shapes import Json
from sandbox.stripe_api.expansion import expands_by, expands_to
from sandbox.stripe_api.lists import serve_reading

serve_reading("charge", "customer", "payment_intent", "transfer_group")
expands_to(
    "charge",
    balance_transaction="balance_transaction",
    customer="customer",
    failure_balance_transaction="balance_transaction",
    payment_intent="payment_intent",
)
serve_reading("balance_transaction", "currency", "source", "type")
_SOURCES = {"ch": "charge", "re": "refund", "du": "dispute"}


def _look_up_source(transaction: Json) -> Any:
    """Return what moved the money: a charge, a refund or a dispute, by the prefix of its id."""
    source = transaction["source"]
    if not isinstance(source, str):
        return source
    return store.get_object(_SOURCES[source.partition("_")[0]], source)


expands_by("balance_transaction", "source", _look_up_source)
