"""Create, read, update and delete products."""

from typing import Any

from stripe import params as stripe_params

from sandbox import clock, store
from sandbox.models import Record
from sandbox.shapes import Json
from sandbox.stripe_api.errors import ApiError, InvalidParameterError, NoSuchObjectError
from sandbox.stripe_api.expansion import expands_to
from sandbox.stripe_api.fields import (
    find_in_parameter,
    find_in_path,
    find_undeleted,
    mark_deleted,
    merge_metadata,
    pick_fields_of,
)
from sandbox.stripe_api.lists import make_list, serve_reading
from sandbox.stripe_api.resources.prices import add_product, create_price
from sandbox.stripe_api.routing import Call, route
from sandbox.webhooks.events import emit

serve_reading(
    "product",
    *("active", "shippable", "url", "type"),
    find=find_undeleted,
    choose=lambda params: {"id__in": params["ids"]} if "ids" in params else {},
)
expands_to("product", default_price="price")


@route("POST", "/v1/products", stripe_params.ProductCreateParams)
def create(call: Call) -> Json:
    """Create a product, by an id of the caller's choice if given."""
    params = call.params
    chosen = params.get("id")
    if chosen and Record.objects.filter(id=chosen).exists():
        message = f"Product already exists with ID {chosen}."
        raise ApiError(message, code="resource_already_exists", param="id")
    record = add_product(pick_fields_of("product", params, () if chosen else ("id",)), params)
    if "default_price_data" in params:
        price = create_price({**params["default_price_data"], "product": record.id})
        _update(record, default_price=price.id)
    return dict(record.data)


def _update(record: Record, **fields: Any) -> None:
    previous = store.change(record, **fields)
    if previous:
        previous |= store.change(record, updated=clock.get_now())
        emit("product.updated", record.data, previous)


@route("GET", "/v1/products/{id}/features", stripe_params.ProductFeatureListParams)
def list_features(call: Call) -> Json:
    """List no features: there are none, but mirrors of products ask for them."""
    find_in_path("product", call.ids["id"])
    return make_list(call.path, [])


@route("POST", "/v1/products/{id}", stripe_params.ProductUpdateParams)
def update(call: Call) -> Json:
    record = find_undeleted("product", call.ids["id"])
    fields = pick_fields_of("product", call.params)
    if fields.get("default_price"):
        _require_own_price(record, fields["default_price"])
    metadata = merge_metadata(record.data["metadata"], call.params.get("metadata"))
    _update(record, **fields, metadata=metadata)
    return dict(record.data)


def _require_own_price(product: Record, price_id: str) -> None:
    price = find_in_parameter("price", price_id, "default_price")
    if price.data["product"] != product.id:
        raise NoSuchObjectError("price", price_id, "default_price", 400)
    if not price.data["active"]:
        message = "The price specified is inactive. This field only accepts active prices."
        raise ApiError(message, param="default_price")


@route("DELETE", "/v1/products/{id}", stripe_params.ProductDeleteParams)
def delete(call: Call) -> Json:
    """Delete a product that never had a price."""
    record = find_undeleted("product", call.ids["id"])
    if store.list_records("price").filter(data__product=record.id).exists():
        raise InvalidParameterError(
            "This product cannot be deleted because it has one or more user-created prices.", param="id"
        )
    emit("product.deleted", record.data)
    return mark_deleted(record)
