"""Create, read, update and delete customers."""

from stripe import params as stripe_params

from sandbox.payments.customers import create_customer
from sandbox.shapes import Json
from sandbox.stripe_api.fields import (
    check_email,
    find_undeleted,
    mark_deleted,
    merge_metadata,
    pick_fields_of,
)
from sandbox.stripe_api.lists import serve_reading
from sandbox.stripe_api.routing import Call, route
from sandbox.webhooks.events import change_and_emit, emit

_IGNORED = ("default_source", "invoice_settings", "test_clock")
# A deleted customer is still found, as a stub.
serve_reading("customer", "email")


@route("POST", "/v1/customers", stripe_params.CustomerCreateParams)
def create(call: Call) -> Json:
    check_email(call.params, "email")
    metadata = merge_metadata({}, call.params.get("metadata"))
    return dict(create_customer(**pick_fields_of("customer", call.params, _IGNORED), metadata=metadata).data)


@route("POST", "/v1/customers/{id}", stripe_params.CustomerUpdateParams)
def update(call: Call) -> Json:
    record = find_undeleted("customer", call.ids["id"])
    check_email(call.params, "email")
    metadata = merge_metadata(record.data["metadata"], call.params.get("metadata"))
    fields = pick_fields_of("customer", call.params, _IGNORED)
    change_and_emit(record, "customer.updated", **fields, metadata=metadata)
    return dict(record.data)


@route("DELETE", "/v1/customers/{id}", stripe_params.CustomerDeleteParams)
def delete(call: Call) -> Json:
    record = find_undeleted("customer", call.ids["id"])
    emit("customer.deleted", record.data)
    return mark_deleted(record)
