"""Charge saved payment methods at Stripe, for `billing.stripe.gateway`.

https://docs.stripe.com/payments/save-and-reuse; a declined charge answers 402 with the payment intent.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from typing import Any

from billing.provider.errors import CardDeclined, PaymentNotFound, StripeRefused
from billing.provider.interface import ChargeRequest
from billing.provider.objects import PaymentIntent
from billing.stripe.client import LIST_PAGE, call, client, pages
from billing.stripe.customers import GONE, naming_a_customer
from billing.stripe.objects.payments import read_intent

WITH_CHARGE: Any = {"expand": ["latest_charge"]}


def charge_method(request: ChargeRequest) -> PaymentIntent:
    params: Any = {
        "amount": request.amount_minor,
        "currency": request.currency,
        "customer": request.customer_id,
        "payment_method": request.method_id,
        "payment_method_types": [request.method_type],
        "confirm": True,
        "description": request.description,
        "metadata": {**request.metadata, "consent_id": request.consent_id},
        **WITH_CHARGE,
    }
    if request.return_url:
        params["return_url"] = request.return_url
    else:
        params["off_session"] = True
    options: Any = {"idempotency_key": request.key}
    try:
        with naming_a_customer():
            return read_intent(call(lambda: client().v1.payment_intents.create(params, options)))
    except CardDeclined as error:
        if error.payment_intent is None:
            raise
        return read_intent(error.payment_intent)


def retrieve_payment(payment_intent_id: str) -> PaymentIntent:
    try:
        return read_intent(call(lambda: client().v1.payment_intents.retrieve(payment_intent_id, WITH_CHARGE)))
    except StripeRefused as error:
        if error.params.get("stripe_code") == GONE:
            raise PaymentNotFound("Stripe has no such payment.", **error.params) from error
        raise


def cancel_payment(payment_intent_id: str) -> PaymentIntent:
    return read_intent(call(lambda: client().v1.payment_intents.cancel(payment_intent_id)))


def payments_of_customer(
    customer_id: str, start: datetime.datetime, end: datetime.datetime
) -> Iterator[PaymentIntent]:
    params = {
        "customer": customer_id,
        "created": {"gte": int(start.timestamp()), "lte": int(end.timestamp())},
        "limit": LIST_PAGE,
        "expand": ["data.latest_charge"],
    }
    with naming_a_customer():
        yield from map(read_intent, pages(client().v1.payment_intents.list, params))
