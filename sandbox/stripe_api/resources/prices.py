"""Prices. What a price is never changes: another amount is another price."""

from decimal import Decimal
from typing import Any

from stripe.params._price_create_params import PriceCreateParams
from stripe.params._price_list_params import PriceListParams
from stripe.params._price_retrieve_params import PriceRetrieveParams
from stripe.params._price_update_params import PriceUpdateParams

from sandbox import store
from sandbox.models import Record
from sandbox.payments.currencies import CURRENCIES, get_maximum, get_step
from sandbox.shapes import Json, make_object
from sandbox.stripe_api.errors import ApiError, InvalidParameterError, refuse_unsupported
from sandbox.stripe_api.expansion import expands_to
from sandbox.stripe_api.fields import find_in_parameter, find_in_path, pick_fields
from sandbox.stripe_api.lists import list_page, pick_filters
from sandbox.stripe_api.metadata import merge_metadata
from sandbox.stripe_api.routing import Call, route
from sandbox.webhooks.events import emit

_UNSUPPORTED = ("currency_options", "custom_unit_amount", "tiers", "transform_quantity")
_FIELDS = ("active", "lookup_key", "nickname", "tax_behavior")
expands_to("price", product="product")


@route("POST", "/v1/prices", PriceCreateParams)
def create(call: Call) -> Json:
    params = dict(call.params)
    if ("product" in params) == ("product_data" in params):
        raise InvalidParameterError(
            "You must specify either `product` or `product_data` when creating a price."
        )
    if "product" in params:
        find_in_parameter("product", params["product"], "product")
    else:
        params["product"] = _create_product(params["product_data"]).id
    return dict(create_price(params).data)


def create_price(params: dict[str, Any]) -> Record:
    """A new price of a product that exists. Tells of `price.created`. Raises ApiError."""
    price = build_price(params, param_prefix="")
    _claim_lookup_key(price["lookup_key"], params.get("transfer_lookup_key", False))
    record = store.add_object(price)
    emit("price.created", record.data)
    return record


def build_price(params: dict[str, Any], param_prefix: str) -> Json:
    """A price by its parameters, not yet stored. Raises InvalidParameterError."""
    refuse_unsupported(params, _UNSUPPORTED, param_prefix)
    currency = read_currency(params["currency"], param_prefix)
    amount, exact = _read_amount(params, currency, param_prefix)
    price = make_object("price", **pick_fields(params, *_FIELDS), product=params["product"])
    price.update(currency=currency, unit_amount=amount)
    price["unit_amount_decimal"] = exact
    price["metadata"] = merge_metadata({}, params.get("metadata"))
    if "recurring" in params:
        defaults = {"interval_count": 1, "meter": None, "trial_period_days": None, "usage_type": "licensed"}
        price.update(type="recurring", recurring={**defaults, **params["recurring"]})
    return price


def read_currency(given: str, param_prefix: str = "") -> str:
    """A currency code in lower case. Raises InvalidParameterError for one that Stripe doesn't charge in."""
    if given.lower() not in CURRENCIES:
        raise InvalidParameterError(
            f"Invalid currency: {given}. Stripe currently supports these currencies: {', '.join(CURRENCIES)}",
            param=f"{param_prefix}[currency]" if param_prefix else "currency",
        )
    return given.lower()


def _read_amount(params: dict[str, Any], currency: str, prefix: str) -> tuple[int | None, str]:
    """The amount as a whole number of the smallest unit (None for fractions of it) and exactly."""
    param = f"{prefix}[unit_amount]" if prefix else "unit_amount"
    given = [params[name] for name in ("unit_amount", "unit_amount_decimal") if name in params]
    if len(given) != 1:
        raise InvalidParameterError(
            "Prices require exactly one of `unit_amount` and `unit_amount_decimal`.",
            code="parameter_missing" if not given else None,
            param=param,
        )
    amount = Decimal(given[0])
    require_at_least(0, amount, param)
    require_amount(amount, currency, param)
    return int(amount) if amount == int(amount) else None, format(amount.normalize(), "f")


def require_amount(amount: Decimal | int, currency: str, param: str) -> None:
    """Raises InvalidParameterError for an amount that is too large, or finer than the currency is charged in."""
    largest, step = get_maximum(currency), get_step(currency)
    if amount > largest:
        raise _refuse_amount(
            f"This value must be less than or equal to {largest} (it currently is '{amount}').", param
        )
    if step > 1 and amount % step:
        raise _refuse_amount(
            f"Invalid amount: amounts in {currency} must be evenly divisible by {step}.", param
        )


def require_at_least(least: int, amount: Decimal | int, param: str) -> None:
    """Raises InvalidParameterError for an amount that is too small whatever the currency."""
    if amount < least:
        raise _refuse_amount(f"This value must be greater than or equal to {least}.", param)


def _refuse_amount(message: str, param: str) -> InvalidParameterError:
    return InvalidParameterError(message, code="parameter_invalid_integer", param=param)


def _claim_lookup_key(lookup_key: str | None, transfer: bool) -> None:
    """A lookup key names one price. It is taken over only on demand; else ApiError."""
    holder = store.list_records("price").filter(data__lookup_key=lookup_key).first() if lookup_key else None
    if holder is None:
        return
    if not transfer:
        raise ApiError(
            f"A price (`{holder.id}`) already uses that lookup key. Use `transfer_lookup_key` to move it.",
            code="resource_already_exists",
            param="lookup_key",
        )
    _update(holder, lookup_key=None)


def _update(record: Record, **fields: Any) -> None:
    previous = store.change(record, **fields)
    if previous:
        emit("price.updated", record.data, previous)


def _create_product(params: dict[str, Any]) -> Record:
    product = make_object(
        "product", **pick_fields(params, "active", "name", "statement_descriptor", "tax_code")
    )
    product["unit_label"] = params.get("unit_label")
    product["updated"] = product["created"]
    product["metadata"] = merge_metadata({}, params.get("metadata"))
    record = store.add_object(product)
    emit("product.created", record.data)
    return record


@route("GET", "/v1/prices", PriceListParams)
def list_all(call: Call) -> Json:
    filters = pick_filters(call.params, "active", "product", "currency", "type")
    if "lookup_keys" in call.params:
        filters["data__lookup_key__in"] = call.params["lookup_keys"]
    for name, value in call.params.get("recurring", {}).items():
        filters[f"data__recurring__{name}"] = value
    return list_page(call, "price", **filters)


@route("GET", "/v1/prices/{price}", PriceRetrieveParams)
def retrieve(call: Call) -> Json:
    return dict(find_in_path("price", call.ids["price"], "price").data)


@route("POST", "/v1/prices/{price}", PriceUpdateParams)
def update(call: Call) -> Json:
    record = find_in_path("price", call.ids["price"], "price")
    fields = pick_fields(call.params, *_FIELDS)
    if fields.get("active") is False:
        _require_not_default(record)
    if fields.get("lookup_key") not in (None, record.data["lookup_key"]):
        _claim_lookup_key(fields["lookup_key"], call.params.get("transfer_lookup_key", False))
    metadata = merge_metadata(record.data["metadata"], call.params.get("metadata"))
    _update(record, **fields, metadata=metadata)
    return dict(record.data)


def _require_not_default(price: Record) -> None:
    """Raises ApiError: while a price is what its product costs, the product needs it."""
    if price.data["active"] and _find_default(price.data["product"]) == price.id:
        raise ApiError("This price cannot be archived because it is the default price of its product.")


def _find_default(product_id: str) -> str | None:
    default: str | None = store.get_object("product", product_id).get("default_price")
    return default
