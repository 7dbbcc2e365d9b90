"""Create, read, update and delete customers."""

from typing import Any

from stripe import params as stripe_params

from sandbox.models import Record
from sandbox.payments.customers import create_customer
from sandbox.payments.saved_methods import attach, detach_all, require_own_method
from sandbox.payments.subscription_states import cancel_all
from sandbox.shapes import Json
from sandbox.stripe_api.expansion import expands_to
from sandbox.stripe_api.fields import (
    check_email,
    find_undeleted,
    mark_deleted,
    merge_metadata,
    pick_fields,
    pick_fields_of,
)
from sandbox.stripe_api.lists import serve_reading
from sandbox.stripe_api.resources.payment_methods import find_usable
from sandbox.stripe_api.routing import Call, route
from sandbox.webhooks.events import change_and_emit, emit

_IGNORED = ("default_source", "invoice_settings", "test_clock")
_SETTINGS = ("custom_fields", "default_payment_method", "footer", "rendering_options")
_DEFAULT = "invoice_settings[default_payment_method]"
# A deleted customer is still found, as a stub.
serve_reading("customer", "email")
expands_to("", default_payment_method="payment_method")  # of `invoice_settings`, a part without a type


@route("POST", "/v1/customers", stripe_params.CustomerCreateParams)
def create(call: Call) -> Json:
    check_email(call.params, "email")
    metadata = merge_metadata({}, call.params.get("metadata"))
    record = create_customer(**pick_fields_of("customer", call.params, _IGNORED), metadata=metadata)
    if "payment_method" in call.params:
        attach(find_usable(call.params["payment_method"], "payment_method"), record.id)
    change_and_emit(record, "customer.updated", invoice_settings=_read_settings(record, call.params))
    return dict(record.data)


def _read_settings(customer: Record, params: dict[str, Any]) -> Json:
    """Return the customer's invoice settings. Raises RefusedError for a default that isn't one of its methods."""
    given = pick_fields(params.get("invoice_settings", {}), _SETTINGS)
    if given.get("default_payment_method"):
        require_own_method(customer.id, given["default_payment_method"], _DEFAULT)
    return {**customer.data["invoice_settings"], **given}


@route("POST", "/v1/customers/{id}", stripe_params.CustomerUpdateParams)
def update(call: Call) -> Json:
    record = find_undeleted("customer", call.ids["id"])
    check_email(call.params, "email")
    metadata = merge_metadata(record.data["metadata"], call.params.get("metadata"))
    fields = pick_fields_of("customer", call.params, _IGNORED)
    settings = _read_settings(record, call.params)
    change_and_emit(record, "customer.updated", **fields, invoice_settings=settings, metadata=metadata)
    return dict(record.data)


@route("DELETE", "/v1/customers/{id}", stripe_params.CustomerDeleteParams)
def delete(call: Call) -> Json:
    record = find_undeleted("customer", call.ids["id"])
    cancel_all(record.id)
    emit("customer.deleted", record.data)
    stub = mark_deleted(record)
    detach_all(record.id)
    return stub
