"""Build what is special about a checkout session in `setup` mode: it saves a card and takes no payment."""

from typing import Any

from sandbox.payments.setup import create_setup_intent
from sandbox.shapes import Json
from sandbox.stripe_api.errors import InvalidParameterError
from sandbox.stripe_api.fields import merge_metadata, pick_fields
from sandbox.stripe_api.resources.prices import read_currency

_OF_PAYMENTS = ("invoice_creation", "line_items", "payment_intent_data", "submit_type")


def check_setup(params: dict[str, Any]) -> None:
    """Raise InvalidParameterError for what only a payment has, and without a way to know which methods to offer."""
    for name in _OF_PAYMENTS:
        if name in params:
            raise InvalidParameterError(f"You can not pass `{name}` in `setup` mode.", param=name)
    if "currency" not in params and "payment_method_types" not in params:
        message = "You must provide `currency` in `setup` mode if `payment_method_types` isn't given."
        raise InvalidParameterError(message, code="parameter_missing", param="currency")


def start_setup(session: Json, params: dict[str, Any]) -> None:
    """Create the setup intent of a new session. Such a session has it from the start."""
    types = params.get("payment_method_types", ["card"])
    if types != ["card"]:
        message = "The local sandbox sets up cards only."
        raise InvalidParameterError(message, param="payment_method_types")
    data = params.get("setup_intent_data", {})
    intent = create_setup_intent(
        **pick_fields(data, ("description",)),
        customer=session["customer"],
        metadata=merge_metadata({}, data.get("metadata"), "setup_intent_data[metadata]"),
    )
    session.update(
        currency=read_currency(params["currency"], "") if "currency" in params else None,
        payment_method_types=types,
        payment_status="no_payment_required",
        setup_intent=intent.id,
    )
