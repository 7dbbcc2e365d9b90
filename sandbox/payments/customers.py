"""Create customers, for the API or for a checkout that asks for one."""

from typing import Any

from sandbox import ids, store
from sandbox.models import Record
from sandbox.shapes import make_object
from sandbox.webhooks.events import emit


def create_customer(**fields: Any) -> Record:
    customer = make_object("customer", **fields)
    customer["invoice_prefix"] = ids.make_token(8).upper()
    record = store.add_object(customer)
    emit("customer.created", customer)
    return record
