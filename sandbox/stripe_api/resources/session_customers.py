"""Set what a checkout session knows about its customer, and what it may save for them."""

from typing import Any

from sandbox.shapes import Json, make_part
from sandbox.stripe_api.errors import ApiError, InvalidParameterError, refuse_unsupported
from sandbox.stripe_api.fields import find_in_parameter

_SAVED = "saved_payment_method_options"


def set_customer(session: Json, params: dict[str, Any]) -> None:
    """Set an existing customer, or a guest who may become one. Raises ApiError."""
    if params.get("customer_update", {}).get("shipping") == "auto":
        refuse_unsupported(params["customer_update"], ("shipping",), "customer_update")
    if "customer" not in params:
        if "customer_update" in params:
            message = "`customer_update` can only be used with `customer`."
            raise InvalidParameterError(message, param="customer_update")
        session["customer_creation"] = params.get("customer_creation", "if_required")
        if "customer_email" in params:
            session["customer_details"] = make_part("customer_details", email=params["customer_email"])
        return
    for other in ("customer_email", "customer_creation"):
        if other in params:
            raise ApiError(f"You may only specify one of these parameters: customer, {other}.", param=other)
    customer = find_in_parameter("customer", params["customer"], "customer").data
    session["customer"] = customer["id"]
    session["customer_details"] = make_part(
        "customer_details", **{name: customer[name] for name in ("address", "email", "name", "phone")}
    )


def set_tax_id_collection(session: Json, params: dict[str, Any]) -> None:
    """Set whether the page asks for a business's tax id. Raises ApiError."""
    if "tax_id_collection" not in params:
        return
    given = params["tax_id_collection"]
    if given.get("required") == "if_supported":
        refuse_unsupported(given, ("required",), "tax_id_collection")
    if given["enabled"] and "customer" in params and params.get("customer_update", {}).get("name") != "auto":
        raise ApiError(
            "Tax ID collection requires updating business name on the customer. To enable tax ID collection for an"
            " existing customer, please set `customer_update[name]` to `auto`."
        )
    session["tax_id_collection"] = {"enabled": given["enabled"], "required": given.get("required", "never")}


def set_saving(session: Json, params: dict[str, Any]) -> None:
    """Set which saved cards the page offers, and whether it offers to save another. Raises InvalidParameterError."""
    given = params.get(_SAVED, {})
    if given.get("payment_method_remove") == "enabled":
        refuse_unsupported(given, ("payment_method_remove",), _SAVED)
    if given and session["mode"] == "setup":
        raise InvalidParameterError(f"You can not pass `{_SAVED}` in `setup` mode.", param=_SAVED)
    if given.get("payment_method_save") == "enabled" and _sets_up(params):
        raise InvalidParameterError(
            f"You can not pass `payment_intent_data[setup_future_usage]` if `{_SAVED}[payment_method_save]` is"
            " `enabled`.",
            param="payment_intent_data[setup_future_usage]",
        )
    if given or ("customer" in params and session["mode"] != "setup"):
        session[_SAVED] = {
            "allow_redisplay_filters": given.get("allow_redisplay_filters", ["always"]),
            "payment_method_remove": given.get("payment_method_remove", "disabled"),
            "payment_method_save": given.get("payment_method_save"),
        }


def _sets_up(params: dict[str, Any]) -> bool:
    return "setup_future_usage" in params.get("payment_intent_data", {})
