"""Check and read what only checkout sessions in `subscription` mode have."""

from typing import Any

from sandbox import clock
from sandbox.payments.periods import DAY_S
from sandbox.shapes import Json
from sandbox.stripe_api.errors import ApiError, InvalidParameterError, refuse_unsupported
from sandbox.stripe_api.fields import merge_metadata, pick_fields

_SUPPORTED = ("billing_mode", "description", "metadata", "trial_end", "trial_period_days")
_OF_PAYMENTS = ("customer_creation", "invoice_creation", "payment_intent_data", "submit_type")
_LONGEST_TRIAL_DAYS = 730


def _read_subscription_data(params: dict[str, Any]) -> Json:
    """Return what the session's subscription is to have. Raises ApiError."""
    data = params.get("subscription_data", {})
    refuse_unsupported(data, data.keys() - set(_SUPPORTED), "subscription_data")
    _check_trial(data)
    if data.get("billing_mode", {}).get("type") == "classic":
        param = "subscription_data[billing_mode][type]"
        raise InvalidParameterError("The local sandbox supports flexible billing mode only.", param=param)
    return {
        "description": data.get("description"),
        "metadata": merge_metadata({}, data.get("metadata"), "subscription_data[metadata]"),
        "trial_end": None,
        "trial_period_days": None,
        **pick_fields(data, ("trial_end", "trial_period_days")),
    }


def check_mode_parameters(params: dict[str, Any]) -> None:
    """Raise ApiError for parameters that belong to another mode."""
    if params["mode"] == "subscription":
        for name in _OF_PAYMENTS:
            if name in params:
                message = f"You can not pass `{name}` in `subscription` mode."
                raise ApiError(message, param=name)
        if set(params.get("payment_method_types", ["card"])) != {"card"}:
            message = "The local sandbox's subscriptions are paid by card only."
            raise InvalidParameterError(message, param="payment_method_types")
        return
    if "subscription_data" in params:
        message = f"You can not pass `subscription_data` in `{params['mode']}` mode."
        raise ApiError(message, param="subscription_data")
    if "payment_method_collection" in params:
        message = "You can only set `payment_method_collection` if there are recurring prices."
        raise ApiError(message, param="payment_method_collection")


def _check_trial(data: dict[str, Any]) -> None:
    if "trial_end" in data and "trial_period_days" in data:
        raise ApiError("You may only specify one of these parameters: trial_end, trial_period_days.")
    days, end = data.get("trial_period_days"), data.get("trial_end")
    if days is not None and not 1 <= days <= _LONGEST_TRIAL_DAYS:
        bound = "at least 1" if days < 1 else f"at most {_LONGEST_TRIAL_DAYS}"
        param = "subscription_data[trial_period_days]"
        raise InvalidParameterError(f"The number of trial period days must be {bound}.", param=param)
    if end is not None and end < clock.get_now() + 2 * DAY_S:
        message = "The `trial_end` date has to be at least 2 days in the future."
        raise InvalidParameterError(message, param="subscription_data[trial_end]")


def prepare_items(params: dict[str, Any], items: list[Json]) -> None:
    """Take the amounts off the items of a trial, for now. Raises InvalidParameterError unless all renew together."""
    recurring = [item["price"]["recurring"] for item in items]
    if len({(each["interval"], each["interval_count"]) for each in recurring}) > 1:
        message = "The local sandbox's subscriptions have one billing interval for all their prices."
        raise InvalidParameterError(message, param="line_items")
    if {"trial_end", "trial_period_days"} & params.get("subscription_data", {}).keys():
        for item in items:
            item.update(amount_subtotal=0, amount_total=0)


def set_subscription_mode(session: Json, private: Json, params: dict[str, Any]) -> None:
    """Set what differs in `subscription` mode. Raises ApiError.

    There is always a customer, whose card is saved, and the invoice isn't one to ask for.
    """
    session.update(
        invoice_creation=None,
        payment_method_collection=params.get("payment_method_collection", "always"),
        payment_method_types=["card"],
    )
    if session["customer"] is None:
        session["customer_creation"] = "always"
    private["subscription_data"] = _read_subscription_data(params)
    private["payment_intent_data"] = {
        "description": "Subscription creation",
        "setup_future_usage": "off_session",
    }
