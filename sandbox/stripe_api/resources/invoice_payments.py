"""Read which payment intents paid which invoices."""

from typing import Any

from sandbox.shapes import Json
from sandbox.stripe_api.errors import MissingParameterError
from sandbox.stripe_api.expansion import expands_to
from sandbox.stripe_api.lists import serve_reading

expands_to("invoice_payment", invoice="invoice")
expands_to("", payment_intent="payment_intent")  # of `payment`, a part without a type


def _choose(params: Json) -> Json:
    payment: dict[str, Any] = params.get("payment", {})
    if not payment:
        return {}
    if payment["type"] not in payment:
        raise MissingParameterError(f"payment[{payment['type']}]")
    return {f"data__payment__{name}": value for name, value in payment.items()}


serve_reading("invoice_payment", "invoice", "status", id_param="invoice_payment", choose=_choose)
