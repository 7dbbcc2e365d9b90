"""Build the line items of a checkout session: existing or inline prices, times a quantity."""

from typing import Any

from sandbox import store
from sandbox.shapes import Json, make_object
from sandbox.stripe_api.errors import ApiError, InvalidParameterError, refuse_unsupported
from sandbox.stripe_api.fields import find_in_parameter, pick_fields
from sandbox.stripe_api.resources.prices import build_price, require_at_least

_MOST_ITEMS = 100


def build_line_items(params: dict[str, Any]) -> list[Json]:
    """Return the items in the order given, all of one currency. Raises ApiError."""
    if not params.get("line_items"):
        message = f"You must provide `line_items` with at least one item in `{params['mode']}` mode."
        raise InvalidParameterError(message, code="parameter_missing", param="line_items")
    if len(params["line_items"]) > _MOST_ITEMS:
        message = f"Array exceeded maximum {_MOST_ITEMS} allowed elements."
        raise InvalidParameterError(message, param="line_items")
    items = [
        _build_item(line, params["mode"], f"line_items[{index}]")
        for index, line in enumerate(params["line_items"])
    ]
    _require_one_currency(items)
    return items


def _build_item(line: dict[str, Any], mode: str, param: str) -> Json:
    refuse_unsupported(line, ("dynamic_tax_rates", "tax_rates"), param)
    price = _find_price(line, mode, param)
    quantity = _read_quantity(line, f"{param}[quantity]")
    amount = price["unit_amount"] * quantity
    product = store.get_object("product", price["product"])
    return make_object(
        "item",
        price=price,
        quantity=quantity,
        currency=price["currency"],
        description=product["name"],
        amount_subtotal=amount,
        amount_total=amount,
    )


def _read_quantity(line: dict[str, Any], param: str) -> int:
    if "quantity" not in line:
        message = "Quantity is required. Add `quantity` to each of your `line_items`."
        raise InvalidParameterError(message, code="parameter_missing", param=param)
    quantity: int = line["quantity"]
    require_at_least(1, quantity, param)
    return quantity


def _find_price(line: dict[str, Any], mode: str, param: str) -> Json:
    """Return the existing or inline price of a line. Raises ApiError if it can't be sold in this mode."""
    if ("price" in line) == ("price_data" in line):
        message = "You must specify either `price` or `price_data` for each line item."
        raise InvalidParameterError(message, param=param)
    if "price_data" in line:
        return _create_inline_price(line["price_data"], mode, f"{param}[price_data]")
    price: Json = find_in_parameter("price", line["price"], f"{param}[price]").data
    require_sellable(price, f"{param}[price]")
    _require_mode(price, mode, f"{param}[price]")
    return price


def _require_mode(price: Json, mode: str, param: str) -> None:
    """Raise ApiError for a recurring price in `payment` mode, or one sold once in `subscription` mode."""
    if mode == "subscription" and price["type"] != "recurring":
        message = "You must provide at least one recurring price in `subscription` mode when using prices."
        raise ApiError(message, param=param)
    if mode != "subscription" and price["type"] == "recurring":
        raise ApiError(
            "You specified `payment` mode but passed a recurring price. Either switch to `subscription` mode or use"
            " only one-time prices.",
            param=param,
        )


def require_sellable(price: Json, param: str) -> None:
    """Raise ApiError for a price that is archived, as itself or with its product, or can't be charged here."""
    if not price["active"]:
        raise ApiError("The price specified is inactive. This field only accepts active prices.", param=param)
    if price["unit_amount"] is None:
        raise ApiError("The local sandbox supports whole amounts of the smallest unit only.", param=param)
    if not store.get_object("product", price["product"]).get("active"):
        message = f"Price `{price['id']}` is not available to be purchased because its product is not active."
        raise ApiError(message, param=param)


def _create_inline_price(data: dict[str, Any], mode: str, param: str) -> Json:
    """Create a price for this session only. Stripe keeps it inactive and emits no event."""
    if ("product" in data) == ("product_data" in data):
        raise InvalidParameterError("You must specify either `product` or `product_data`.", param=param)
    if "product" in data:
        product_id = find_in_parameter("product", data["product"], f"{param}[product]").id
    else:
        product_id = _create_inline_product(data["product_data"])
    price = build_price({**data, "product": product_id}, param)
    _require_mode(price, mode, param)
    inline = {**price, "active": False}
    store.add_object(inline)
    return inline


def _create_inline_product(data: dict[str, Any]) -> str:
    fields = pick_fields(data, "name description images tax_code unit_label".split())
    product = make_object("product", active=False, metadata=data.get("metadata", {}), **fields)
    product["updated"] = product["created"]
    return store.add_object(product).id


def _require_one_currency(items: list[Json]) -> None:
    expected = items[0]["currency"]
    for index, item in enumerate(items):
        if item["currency"] != expected:
            raise ApiError(
                f"The price specified supports currencies of `{item['currency']}`. This doesn't match the expected"
                f" currency: `{expected}`.",
                param=f"line_items[{index}]",
            )
