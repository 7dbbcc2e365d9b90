"""Customers: who pays, when the merchant wants to know them again."""

from stripe.params._customer_create_params import CustomerCreateParams
from stripe.params._customer_delete_params import CustomerDeleteParams
from stripe.params._customer_list_params import CustomerListParams
from stripe.params._customer_retrieve_params import CustomerRetrieveParams
from stripe.params._customer_update_params import CustomerUpdateParams

from sandbox import store
from sandbox.payments.customers import create_customer
from sandbox.shapes import Json
from sandbox.stripe_api.email_addresses import check_email
from sandbox.stripe_api.fields import find_in_path, find_undeleted, mark_deleted, pick_fields
from sandbox.stripe_api.lists import list_page, pick_filters
from sandbox.stripe_api.metadata import merge_metadata
from sandbox.stripe_api.routing import Call, route
from sandbox.webhooks.events import emit

_FIELDS = (
    "address",
    "balance",
    "description",
    "email",
    "invoice_prefix",
    "name",
    "next_invoice_sequence",
    "phone",
    "preferred_locales",
    "shipping",
    "tax_exempt",
)


@route("POST", "/v1/customers", CustomerCreateParams)
def create(call: Call) -> Json:
    check_email(call.params, "email")
    metadata = merge_metadata({}, call.params.get("metadata"))
    return dict(create_customer(**pick_fields(call.params, *_FIELDS), metadata=metadata).data)


@route("GET", "/v1/customers", CustomerListParams)
def list_all(call: Call) -> Json:
    return list_page(call, "customer", **pick_filters(call.params, "email"))


@route("GET", "/v1/customers/{id}", CustomerRetrieveParams)
def retrieve(call: Call) -> Json:
    """A deleted customer is still found, as a stub."""
    return dict(find_in_path("customer", call.ids["id"]).data)


@route("POST", "/v1/customers/{id}", CustomerUpdateParams)
def update(call: Call) -> Json:
    record = find_undeleted("customer", call.ids["id"])
    check_email(call.params, "email")
    metadata = merge_metadata(record.data["metadata"], call.params.get("metadata"))
    previous = store.change(record, **pick_fields(call.params, *_FIELDS), metadata=metadata)
    if previous:
        emit("customer.updated", record.data, previous)
    return dict(record.data)


@route("DELETE", "/v1/customers/{id}", CustomerDeleteParams)
def delete(call: Call) -> Json:
    record = find_undeleted("customer", call.ids["id"])
    emit("customer.deleted", record.data)
    return mark_deleted(record)
