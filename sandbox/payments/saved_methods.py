"""Save payment methods for customers: attach, update, detach, and choose the default."""

from typing import Any

from sandbox import store
from sandbox.models import Record
from sandbox.payments.states import RefusedError
from sandbox.payments.subscription_states import forget_method
from sandbox.shapes import Json
from sandbox.webhooks.events import change_and_emit, emit

_TYPE = "payment_method"


def attach(method: Record, customer_id: str, **fields: Any) -> None:
    """Give a method to a customer. Raises RefusedError if it is somebody's, or was used or detached before."""
    if method.data["customer"] is not None:
        raise RefusedError("The payment method you provided has already been attached to a customer.")
    require_unspent(method)
    store.change(method, customer=customer_id, **fields)
    emit("payment_method.attached", method.data)


def can_save_for(customer_id: str | None) -> bool:
    """Tell whether there is a customer to save a method for: one may be deleted while a checkout is open."""
    return customer_id is not None and not store.get_record("customer", customer_id).deleted


def require_unspent(method: Record) -> None:
    """Raise RefusedError for a method that paid without a customer, or was detached."""
    if method.private.get("is_spent"):
        raise RefusedError(
            "The provided PaymentMethod was previously used with a PaymentIntent without Customer attachment, shared"
            " with a connected account without Customer attachment, or was detached from a Customer. It may not be used"
            " again. To use a PaymentMethod multiple times, you must attach it to a Customer first."
        )


def spend(method: Record) -> None:
    """Note that a method can't be used again."""
    method.private["is_spent"] = True
    method.save()


def note_setup(method: Record) -> None:
    """Note that the buyer passed 3-D Secure, so that some cards need no more of it off-session."""
    method.private["is_set_up"] = True
    method.save()


def detach(method: Record) -> None:
    """Take a method from its customer, for good. Raises RefusedError if it has none."""
    customer_id = method.data["customer"]
    if customer_id is None:
        raise RefusedError(
            "The payment method you provided is not attached to a customer so detachment is impossible."
        )
    previous = store.change(method, customer=None)
    spend(method)
    emit("payment_method.detached", method.data, previous)
    customer = store.get_record("customer", customer_id)
    if not customer.deleted and get_default(customer) == method.id:
        _change_default(customer, None)
    forget_method(method.id)


def detach_all(customer_id: str) -> None:
    for method in list_methods(customer_id):
        detach(method)


def list_methods(customer_id: str) -> list[Record]:
    """List a customer's methods, newest first."""
    return list(store.list_records(_TYPE).filter(data__customer=customer_id))


def update_method(method: Record, event_type: str = "payment_method.updated", **fields: Any) -> None:
    """Change a customer's method. Raises RefusedError if it isn't attached to one."""
    if method.data["customer"] is None:
        raise RefusedError(
            "You must attach this PaymentMethod to a customer before you can update it.",
            param="payment_method",
        )
    change_and_emit(method, event_type, **fields)


def get_default(customer: Record) -> str | None:
    default: str | None = customer.data["invoice_settings"]["default_payment_method"]
    return default


def set_default(customer: Record, method_id: str) -> None:
    """Make a method the customer's default. Raises RefusedError unless it is attached to this customer."""
    require_own_method(customer.id, method_id, "invoice_settings[default_payment_method]")
    _change_default(customer, method_id)


def require_own_method(customer_id: str, method_id: str, param: str) -> None:
    """Raise RefusedError unless the method exists and is attached to this customer."""
    method = store.find_record(_TYPE, method_id)
    if method is None:
        raise RefusedError(f"No such PaymentMethod: '{method_id}'", code="resource_missing", param=param)
    if method.data["customer"] != customer_id:
        raise RefusedError(
            f"The customer does not have a payment method with the ID {method_id}. The payment method must be attached"
            " to the customer.",
            code="resource_missing",
            param=param,
        )


def _change_default(customer: Record, method_id: str | None) -> None:
    settings: Json = {**customer.data["invoice_settings"], "default_payment_method": method_id}
    change_and_emit(customer, "customer.updated", invoice_settings=settings)
