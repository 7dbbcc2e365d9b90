"""Configure the customer portal, and open sessions of it for customers."""

from typing import Any

from stripe.params import billing_portal as stripe_params

from sandbox import clock, ids, store
from sandbox.base_url import get_base_url
from sandbox.models import Record
from sandbox.shapes import Json, make_object
from sandbox.stripe_api.errors import (
    ApiError,
    InvalidParameterError,
    MissingParameterError,
    refuse_unsupported,
)
from sandbox.stripe_api.expansion import expands_to
from sandbox.stripe_api.fields import find_in_parameter, find_in_path, merge_metadata, pick_fields
from sandbox.stripe_api.lists import list_page
from sandbox.stripe_api.routing import Call, route
from sandbox.webhooks.events import change_and_emit, emit

_CONFIGURATION, _SESSION = "billing_portal.configuration", "billing_portal.session"
_CONFIGURATIONS = "/v1/billing_portal/configurations"
_FLOWS = ("subscription_cancel", "subscription_update", "subscription_update_confirm")

expands_to(_SESSION, configuration=_CONFIGURATION)


@route("POST", _CONFIGURATIONS, stripe_params.ConfigurationCreateParams)
def create_configuration(call: Call) -> Json:
    """Create a configuration. Only the dashboard makes the account's default one."""
    data = make_object(_CONFIGURATION)
    data["updated"] = data["created"]
    record = store.add_object(data, private={"products": []})
    store.change(record, **_read_configuration(record, call.params))
    emit("billing_portal.configuration.created", record.data)
    return dict(record.data)


@route("GET", _CONFIGURATIONS, stripe_params.ConfigurationListParams)
def list_configurations(call: Call) -> Json:
    return list_page(call, _CONFIGURATION, "active", "is_default")


@route("GET", _CONFIGURATIONS + "/{id}", stripe_params.ConfigurationRetrieveParams)
def retrieve_configuration(call: Call) -> Json:
    return dict(_find_configuration(call).data)


@route("POST", _CONFIGURATIONS + "/{id}", stripe_params.ConfigurationUpdateParams)
def update_configuration(call: Call) -> Json:
    record = _find_configuration(call)
    fields = _read_configuration(record, call.params)
    if any(record.data[name] != value for name, value in fields.items()):
        fields["updated"] = clock.get_now()
    change_and_emit(record, "billing_portal.configuration.updated", **fields)
    return dict(record.data)


def _find_configuration(call: Call) -> Record:
    return find_in_path(_CONFIGURATION, call.ids["id"], "configuration")


def _read_configuration(record: Record, params: dict[str, Any]) -> Json:
    """Return the configuration's fields with the given changes. Raises InvalidParameterError."""
    if params.get("login_page", {}).get("enabled"):
        raise InvalidParameterError("The local sandbox has no login page.", param="login_page[enabled]")
    _check_url(params, "default_return_url")
    fields = pick_fields(params, ("active", "default_return_url", "name"))
    fields["metadata"] = merge_metadata(record.data["metadata"], params.get("metadata"))
    profile = pick_fields(params.get("business_profile", {}), record.data["business_profile"])
    fields["business_profile"] = {**record.data["business_profile"], **profile}
    fields["features"] = {
        name: _merge_feature(record, name, former, params.get("features", {}).get(name, {}))
        for name, former in record.data["features"].items()
    }
    return fields


def _merge_feature(record: Record, name: str, former: Json, given: dict[str, Any]) -> Json:
    """Return a feature with the given changes. The products of a plan's change are kept, but not shown."""
    if "products" in given:
        record.private["products"] = _read_products(given["products"] or [])
    merged = {**former, **pick_fields(given, former)}
    if name == "customer_update" and merged["enabled"] and not merged["allowed_updates"]:
        param = "features[customer_update][allowed_updates]"
        message = f"You must provide `{param}` when `features[customer_update][enabled]` is true."
        raise InvalidParameterError(message, code="parameter_missing", param=param)
    feature = {
        field: [] if value is None and isinstance(former[field], list) else value
        for field, value in merged.items()
    }
    if name == "subscription_update":
        _check_plan_changes(record, feature)
    return feature


def _read_products(given: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the products between whose prices customers may change. Raises ApiError."""
    for index, product in enumerate(given):
        param = f"features[subscription_update][products][{index}]"
        find_in_parameter("product", product["product"], f"{param}[product]")
        for number, price_id in enumerate(product["prices"]):
            price = find_in_parameter("price", price_id, f"{param}[prices][{number}]").data
            if price["product"] != product["product"] or price["type"] != "recurring":
                message = (
                    f"The price {price_id} is not a recurring price of the product {product['product']}."
                )
                raise ApiError(message, param=f"{param}[prices][{number}]")
    return given


def _check_plan_changes(record: Record, feature: Json) -> None:
    """Raise InvalidParameterError for changes of plans that can't be offered."""
    param = "features[subscription_update]"
    if feature["schedule_at_period_end"]["conditions"]:
        message = f"The local sandbox doesn't support `{param}[schedule_at_period_end]`."
        raise InvalidParameterError(message, param=f"{param}[schedule_at_period_end]")
    for name, is_given in (
        ("default_allowed_updates", feature["default_allowed_updates"]),
        ("products", record.private["products"]),
    ):
        if feature["enabled"] and not is_given:
            message = f"You must provide `{param}[{name}]` when `{param}[enabled]` is true."
            raise InvalidParameterError(message, code="parameter_missing", param=f"{param}[{name}]")


@route("POST", "/v1/billing_portal/sessions", stripe_params.SessionCreateParams)
def create_session(call: Call) -> Json:
    """Open a session, whose address lets anyone who knows it act for the customer."""
    params = call.params
    refuse_unsupported(params, ("customer_account", "on_behalf_of"))
    _check_url(params, "return_url")
    if "customer" not in params:
        raise MissingParameterError("customer")
    customer = find_in_parameter("customer", params["customer"], "customer")
    configuration = _choose_configuration(params)
    data = make_object(
        _SESSION,
        configuration=configuration.id,
        customer=customer.id,
        flow=_read_flow(params),
        locale=params.get("locale"),
        return_url=params.get("return_url", configuration.data["default_return_url"]),
    )
    secret = ids.make_token(40)
    data["url"] = f"{get_base_url()}/p/session/{data['id']}/{secret}"
    record = store.add_object(data, private={"secret": secret, "setup_intent": None})
    emit("billing_portal.session.created", record.data)
    return dict(record.data)


def _choose_configuration(params: dict[str, Any]) -> Record:
    """Return the given configuration or the account's default one. Raises ApiError."""
    if "configuration" in params:
        found = find_in_parameter(_CONFIGURATION, params["configuration"], "configuration")
        if not found.data["active"]:
            raise ApiError(f"The configuration {found.id} is not active.", param="configuration")
        return found
    default = store.list_records(_CONFIGURATION).filter(data__is_default=True).first()
    if default is None:
        raise ApiError(
            "No configuration provided and your test mode default configuration has not been created. Provide a"
            " configuration or create your default by saving your customer portal settings in test mode at"
            " https://dashboard.stripe.com/test/settings/billing/portal."
        )
    return default


def _read_flow(params: dict[str, Any]) -> Json | None:
    if "flow_data" not in params:
        return None
    given = params["flow_data"]
    if given["type"] != "payment_method_update":
        message = "The local sandbox supports flow_data[type]=payment_method_update only."
        raise InvalidParameterError(message, param="flow_data[type]")
    after = given.get("after_completion", {"type": "portal_homepage"})
    if after["type"] == "redirect" and "redirect" not in after:
        raise MissingParameterError("flow_data[after_completion][redirect]")
    shown = {name: after.get(name) for name in ("hosted_confirmation", "redirect", "type")}
    return {"after_completion": shown, "type": given["type"], **dict.fromkeys(_FLOWS)}


def _check_url(params: dict[str, Any], name: str) -> None:
    if params.get(name) and not params[name].startswith(("http://", "https://")):
        raise InvalidParameterError("Not a valid URL", code="url_invalid", param=name)
