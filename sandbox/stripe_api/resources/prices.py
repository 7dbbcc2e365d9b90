"""Create, read and update prices. The amount of a price never changes."""

from decimal import Decimal
from typing import Any

from stripe import params as stripe_params

from sandbox import store
from sandbox.models import Record
from sandbox.payments.currencies import CURRENCIES, get_maximum, get_step
from sandbox.shapes import Json, make_object
from sandbox.stripe_api.errors import ApiError, InvalidParameterError, refuse_unsupported
from sandbox.stripe_api.expansion import expands_to
from sandbox.stripe_api.fields import find_in_parameter, find_in_path, merge_metadata, pick_fields
from sandbox.stripe_api.lists import serve_reading
from sandbox.stripe_api.routing import Call, route
from sandbox.webhooks.events import change_and_emit, emit

_UNSUPPORTED = ("currency_options", "custom_unit_amount", "tiers", "transform_quantity")
_FIELDS = ("active", "lookup_key", "nickname", "tax_behavior")
_PRODUCT_FIELDS = ("active", "name", "statement_descriptor", "tax_code", "unit_label")
expands_to("price", product="product")


@route("POST", "/v1/prices", stripe_params.PriceCreateParams)
def create(call: Call) -> Json:
    params = dict(call.params)
    if ("product" in params) == ("product_data" in params):
        raise InvalidParameterError(
            "You must specify either `product` or `product_data` when creating a price."
        )
    if "product" in params:
        find_in_parameter("product", params["product"], "product")
    else:
        params["product"] = add_product(
            pick_fields(params["product_data"], _PRODUCT_FIELDS), params["product_data"]
        ).id
    return dict(create_price(params).data)


def add_product(fields: Json, params: Json) -> Record:
    """Store a new product and emit its event."""
    product = make_object("product", **fields)
    product["updated"] = product["created"]
    product["metadata"] = merge_metadata({}, params.get("metadata"))
    record = store.add_object(product)
    emit("product.created", record.data)
    return record


def create_price(params: dict[str, Any]) -> Record:
    """Create a price of an existing product. Raises ApiError."""
    price = build_price(params, param_prefix="")
    _claim_lookup_key(price["lookup_key"], params.get("transfer_lookup_key", False))
    record = store.add_object(price)
    emit("price.created", record.data)
    return record


def build_price(params: dict[str, Any], param_prefix: str) -> Json:
    """Return a price that isn't stored yet. Raises InvalidParameterError."""
    refuse_unsupported(params, _UNSUPPORTED, param_prefix)
    currency = read_currency(params["currency"], param_prefix)
    amount, exact = _read_amount(params, currency, param_prefix)
    price = make_object("price", **pick_fields(params, _FIELDS), product=params["product"])
    price.update(currency=currency, unit_amount=amount, unit_amount_decimal=exact)
    price["metadata"] = merge_metadata({}, params.get("metadata"))
    if "recurring" in params:
        defaults = {"interval_count": 1, "meter": None, "trial_period_days": None, "usage_type": "licensed"}
        price.update(type="recurring", recurring={**defaults, **params["recurring"]})
    return price


def read_currency(given: str, param_prefix: str) -> str:
    """Return a currency in lower case. Raises InvalidParameterError for one that Stripe doesn't support."""
    if given.lower() not in CURRENCIES:
        raise InvalidParameterError(
            f"Invalid currency: {given}. Stripe currently supports these currencies: {', '.join(CURRENCIES)}",
            param=f"{param_prefix}[currency]" if param_prefix else "currency",
        )
    return given.lower()


def _read_amount(params: dict[str, Any], currency: str, prefix: str) -> tuple[int | None, str]:
    """Return the amount in whole smallest units, None if it has fractions, and exactly."""
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
    """Raise InvalidParameterError if an amount is too large, or finer than the currency allows."""
    largest, step = get_maximum(currency), get_step(currency)
    if amount > largest:
        message = f"This value must be less than or equal to {largest} (it currently is '{amount}')."
        raise _refuse_amount(message, param)
    if step > 1 and amount % step:
        message = f"Invalid amount: amounts in {currency} must be evenly divisible by {step}."
        raise _refuse_amount(message, param)


def require_at_least(least: int, amount: Decimal | int, param: str) -> None:
    """Raise InvalidParameterError if an amount or quantity is too small."""
    if amount < least:
        raise _refuse_amount(f"This value must be greater than or equal to {least}.", param)


def _refuse_amount(message: str, param: str) -> InvalidParameterError:
    return InvalidParameterError(message, code="parameter_invalid_integer", param=param)


def _claim_lookup_key(lookup_key: str | None, transfer: bool) -> None:
    """Take a lookup key from the price that has it, if that is allowed. Raises ApiError."""
    holder = store.list_records("price").filter(data__lookup_key=lookup_key).first() if lookup_key else None
    if holder is None:
        return
    if not transfer:
        raise ApiError(
            f"A price (`{holder.id}`) already uses that lookup key. Use `transfer_lookup_key` to move it.",
            code="resource_already_exists",
            param="lookup_key",
        )
    change_and_emit(holder, "price.updated", lookup_key=None)


def _choose(params: Json) -> Json:
    filters = {f"data__recurring__{name}": value for name, value in params.get("recurring", {}).items()}
    if "lookup_keys" in params:
        filters["data__lookup_key__in"] = params["lookup_keys"]
    return filters


serve_reading("price", "active", "product", "currency", "type", id_param="price", choose=_choose)


@route("POST", "/v1/prices/{id}", stripe_params.PriceUpdateParams)
def update(call: Call) -> Json:
    record = find_in_path("price", call.ids["id"], "price")
    fields = pick_fields(call.params, _FIELDS)
    behavior = record.data["tax_behavior"]
    if fields.get("tax_behavior", behavior) != behavior != "unspecified":
        message = "The tax behavior of a price can't be changed once it is `inclusive` or `exclusive`."
        raise InvalidParameterError(message, param="tax_behavior")
    product = store.get_object("product", record.data["product"])
    is_archived = fields.get("active") is False and record.data["active"]
    if is_archived and product.get("default_price") == record.id:
        raise ApiError("This price cannot be archived because it is the default price of its product.")
    if fields.get("lookup_key") not in (None, record.data["lookup_key"]):
        _claim_lookup_key(fields["lookup_key"], call.params.get("transfer_lookup_key", False))
    metadata = merge_metadata(record.data["metadata"], call.params.get("metadata"))
    change_and_emit(record, "price.updated", **fields, metadata=metadata)
    return dict(record.data)
