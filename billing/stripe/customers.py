"""Call Stripe about customers and their saved payment methods, for `billing.stripe.gateway`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import structlog

from billing.provider.errors import CustomerNotFound, EmailRefused, StripeRefused
from billing.provider.interface import CardRequest, CustomerRequest
from billing.provider.objects import ProviderCustomer, ProviderMethod
from billing.stripe.client import LIST_PAGE, call, client, pages
from billing.stripe.objects.customers import read_customer, read_saved_method

log = structlog.get_logger(__name__)

# What Stripe answers about something that doesn't exist, or does no more.
GONE = "resource_missing"


@contextmanager
def naming_a_customer() -> Iterator[None]:
    """Turn Stripe's refusal of an unknown or deleted customer into `CustomerNotFound`."""
    try:
        yield
    except StripeRefused as error:
        if error.params.get("stripe_code") == GONE and error.params.get("stripe_param") in ("customer", "id"):
            raise CustomerNotFound("Stripe has no such customer.", **error.params) from error
        raise


def create_customer(request: CustomerRequest) -> ProviderCustomer:
    """Create a customer, without the email address if Stripe refuses it.

    An idempotency key is bound to its parameters, so that request has a key of its own, which a retry reaches by the
    same refusal.
    """
    params: Any = {
        **{name: value for name, value in _details(request).items() if value},
        "metadata": {"account_id": request.account_id, "user_id": request.user_id},
    }
    options: Any = {"idempotency_key": request.key}
    try:
        return read_customer(call(lambda: client().v1.customers.create(params, options)))
    except EmailRefused:
        log.warning("customer_email_refused", account=request.account_id)
        return create_customer(replace(request, email="", key=f"{request.key}-without-email"))


def update_customer(customer_id: str, request: CustomerRequest) -> ProviderCustomer:
    params: Any = _details(request)
    try:
        with naming_a_customer():
            return read_customer(call(lambda: client().v1.customers.update(customer_id, params)))
    except EmailRefused:
        log.warning("customer_email_refused", account=request.account_id)
        return update_customer(customer_id, replace(request, email=""))


def delete_customer(customer_id: str) -> None:
    try:
        with naming_a_customer():
            call(lambda: client().v1.customers.delete(customer_id))
    except CustomerNotFound:
        log.info("customer_was_deleted", customer=customer_id)


def list_methods(customer_id: str) -> Iterator[ProviderMethod]:
    params = {"customer": customer_id, "limit": LIST_PAGE}
    with naming_a_customer():
        yield from map(read_saved_method, pages(client().v1.payment_methods.list, params))


def detach_method(method_id: str) -> None:
    try:
        call(lambda: client().v1.payment_methods.detach(method_id))
    except StripeRefused as error:
        state = call(lambda: client().v1.payment_methods.retrieve(method_id))
        if read_saved_method(state).customer_id:
            raise
        log.info("method_was_detached", method=method_id, reason=error.params.get("stripe_code"))


def set_default_method(customer_id: str, method_id: str) -> ProviderCustomer:
    params: Any = {"invoice_settings": {"default_payment_method": method_id}}
    with naming_a_customer():
        return read_customer(call(lambda: client().v1.customers.update(customer_id, params)))


def open_card_page(request: CardRequest) -> str:
    params: Any = {
        "mode": "setup",
        "customer": request.customer_id,
        "payment_method_types": ["card"],
        "client_reference_id": request.consent_id,
        "metadata": {"consent_id": request.consent_id, "user_id": request.user_id},
        # Stripe does not copy a session's metadata to its setup intent.
        "setup_intent_data": {"metadata": {"consent_id": request.consent_id, "user_id": request.user_id}},
        "success_url": request.success_url,
        "cancel_url": request.cancel_url,
    }
    options: Any = {"idempotency_key": f"card-{request.consent_id}"}
    with naming_a_customer():
        return str(call(lambda: client().v1.checkout.sessions.create(params, options))["url"])


def _details(request: CustomerRequest) -> dict[str, str]:
    return {"name": request.name, "email": request.email}
