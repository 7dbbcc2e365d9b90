"""Read the items of subscriptions, and the changes that a request makes to them."""

from typing import Any

from stripe import params as stripe_params

from sandbox import store
from sandbox.models import Record
from sandbox.payments.subscriptions import describe_plan, get_items
from sandbox.shapes import Json
from sandbox.stripe_api.errors import ApiError, InvalidParameterError, NoSuchObjectError, refuse_unsupported
from sandbox.stripe_api.fields import find_in_parameter, merge_metadata
from sandbox.stripe_api.lists import page_items
from sandbox.stripe_api.resources.line_items import require_sellable
from sandbox.stripe_api.resources.prices import require_at_least
from sandbox.stripe_api.routing import Call, route

_PATH = "/v1/subscription_items"
ITEM_FIELDS = ("metadata", "plan", "price", "quantity")


@route("GET", _PATH, stripe_params.SubscriptionItemListParams)
def list_all(call: Call) -> Json:
    subscription = find_in_parameter("subscription", call.params["subscription"], "subscription")
    return page_items(call, get_items(subscription), "subscription_item")


@route("GET", _PATH + "/{id}", stripe_params.SubscriptionItemRetrieveParams)
def retrieve(call: Call) -> Json:
    return dict(find_item(call.ids["id"])[1])


def find_item(item_id: str) -> tuple[Record, Json]:
    """Return an item and its subscription, which contains it. Raises NoSuchObjectError."""
    for subscription in store.list_records("subscription"):
        for item in get_items(subscription):
            if item["id"] == item_id:
                return subscription, item
    raise NoSuchObjectError("subscription_item", item_id, "item")


def read_items(subscription: Record, given: list[dict[str, Any]]) -> list[Json]:
    """Return the items that are to change, as they will be. Raises ApiError."""
    known = {item["id"]: item for item in get_items(subscription)}
    changed = [_read_item(known, line, f"items[{index}]") for index, line in enumerate(given)]
    after = {**known, **{item["id"]: item for item in changed}}.values()
    cycles = {tuple(sorted(_get_cycle(item).items())) for item in after}
    if len(cycles) > 1:
        message = "The local sandbox's subscriptions have one billing interval for all their prices."
        raise InvalidParameterError(message, param="items")
    return changed


def _get_cycle(item: Json) -> Json:
    return {name: item["price"]["recurring"][name] for name in ("interval", "interval_count")}


def _read_item(known: dict[str, Json], line: dict[str, Any], param: str) -> Json:
    refuse_unsupported(line, line.keys() - {"id", *ITEM_FIELDS}, param)
    if "id" not in line:
        message = "The local sandbox adds no items to a subscription: name the one to change."
        raise InvalidParameterError(message, param=f"{param}[id]")
    if line["id"] not in known:
        raise NoSuchObjectError("subscription_item", line["id"], f"{param}[id]", 400)
    item = dict(known[line["id"]])
    if "quantity" in line:
        require_at_least(1, line["quantity"], f"{param}[quantity]")
        item["quantity"] = line["quantity"]
    item["metadata"] = merge_metadata(item["metadata"], line.get("metadata"), f"{param}[metadata]")
    name = "price" if "price" in line else "plan"
    if name in line:
        item["price"] = _read_price(item, line[name], f"{param}[{name}]")
        item["plan"] = describe_plan(item["price"])
    return item


def _read_price(item: Json, price_id: str, param: str) -> Json:
    price: Json = find_in_parameter("price", price_id, param).data
    if price["id"] == item["price"]["id"]:  # it may stay even if it is no longer sold
        return price
    require_sellable(price, param)
    if price["type"] != "recurring":
        raise ApiError(
            "The price specified is set to `type=one_time` but this field only accepts prices with `type=recurring`.",
            param=param,
        )
    if price["currency"] != item["price"]["currency"]:
        raise ApiError(
            f"The price specified only supports `{price['currency']}`. This doesn't match the expected currency:"
            f" `{item['price']['currency']}`.",
            param=param,
        )
    return price
