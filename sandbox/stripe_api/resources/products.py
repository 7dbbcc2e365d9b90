"""Products: what is for sale. Prices hang on them."""

from typing import Any

from stripe.params._product_create_params import ProductCreateParams
from stripe.params._product_delete_params import ProductDeleteParams
from stripe.params._product_feature_list_params import ProductFeatureListParams
from stripe.params._product_list_params import ProductListParams
from stripe.params._product_retrieve_params import ProductRetrieveParams
from stripe.params._product_update_params import ProductUpdateParams

from sandbox import clock, store
from sandbox.models import Record
from sandbox.shapes import Json, make_object
from sandbox.stripe_api.errors import ApiError, InvalidParameterError, NoSuchObjectError
from sandbox.stripe_api.expansion import expands_to
from sandbox.stripe_api.fields import (
    find_in_parameter,
    find_in_path,
    find_undeleted,
    mark_deleted,
    pick_fields,
)
from sandbox.stripe_api.lists import list_page, make_list, pick_filters
from sandbox.stripe_api.metadata import merge_metadata
from sandbox.stripe_api.resources.prices import create_price
from sandbox.stripe_api.routing import Call, route
from sandbox.webhooks.events import emit

_FIELDS = (
    "active",
    "description",
    "images",
    "marketing_features",
    "name",
    "package_dimensions",
    "shippable",
    "statement_descriptor",
    "tax_code",
    "unit_label",
    "url",
)
expands_to("product", default_price="price")


@route("POST", "/v1/products", ProductCreateParams)
def create(call: Call) -> Json:
    params = call.params
    product = make_object("product", **pick_fields(params, *_FIELDS))
    product["metadata"] = merge_metadata({}, params.get("metadata"))
    product["updated"] = product["created"]
    product["type"] = params.get("type", "service")
    record = store.add_object(product, private={"chosen_id": params.get("id")})
    _take_chosen_id(record)
    emit("product.created", record.data)
    if "default_price_data" in params:
        price = create_price({**params["default_price_data"], "product": record.id})
        _update(record, default_price=price.id)
    return dict(record.data)


def _take_chosen_id(record: Record) -> None:
    """Callers may name their products themselves. Raises ApiError when the name is taken."""
    chosen = record.private["chosen_id"]
    if not chosen:
        return
    if Record.objects.filter(id=chosen).exists():
        raise ApiError(
            f"Product already exists with ID {chosen}.", code="resource_already_exists", param="id"
        )
    record.id = record.data["id"] = chosen
    record.save()


def _update(record: Record, **fields: Any) -> None:
    previous = store.change(record, **fields)
    if previous:
        previous |= store.change(record, updated=clock.get_now())
        emit("product.updated", record.data, previous)


@route("GET", "/v1/products", ProductListParams)
def list_all(call: Call) -> Json:
    filters = pick_filters(call.params, "active", "shippable", "url", "type")
    if "ids" in call.params:
        filters["id__in"] = call.params["ids"]
    return list_page(call, "product", **filters)


@route("GET", "/v1/products/{id}/features", ProductFeatureListParams)
def list_features(call: Call) -> Json:
    """Nothing here has features; but those who mirror products ask."""
    find_in_path("product", call.ids["id"])
    return make_list(call.path, [])


@route("GET", "/v1/products/{id}", ProductRetrieveParams)
def retrieve(call: Call) -> Json:
    return dict(find_undeleted("product", call.ids["id"]).data)


@route("POST", "/v1/products/{id}", ProductUpdateParams)
def update(call: Call) -> Json:
    record = find_undeleted("product", call.ids["id"])
    fields = pick_fields(call.params, *_FIELDS, "default_price")
    if fields.get("default_price"):
        _require_own_price(record, fields["default_price"])
    metadata = merge_metadata(record.data["metadata"], call.params.get("metadata"))
    _update(record, **fields, metadata=metadata)
    return dict(record.data)


def _require_own_price(product: Record, price_id: str) -> None:
    price = find_in_parameter("price", price_id, "default_price")
    if price.data["product"] != product.id:
        raise NoSuchObjectError.in_parameter("price", price_id, "default_price")
    if not price.data["active"]:
        message = "The price specified is inactive. This field only accepts active prices."
        raise ApiError(message, param="default_price")


@route("DELETE", "/v1/products/{id}", ProductDeleteParams)
def delete(call: Call) -> Json:
    """Only a product that never had a price can go."""
    record = find_undeleted("product", call.ids["id"])
    if store.list_records("price").filter(data__product=record.id).exists():
        raise InvalidParameterError(
            "This product cannot be deleted because it has one or more user-created prices.", param="id"
        )
    emit("product.deleted", record.data)
    return mark_deleted(record)
