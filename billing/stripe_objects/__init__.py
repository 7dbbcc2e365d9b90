"""Stripe's objects as the few facts that we act on, read from their JSON, whether a webhook or a call brought it."""

from billing.stripe_objects.catalog import StripePrice, StripeProduct
from billing.stripe_objects.events import StripeEvent
from billing.stripe_objects.payments import (
    CheckoutSession,
    PaymentIntent,
    PaymentMethod,
    StripeCharge,
    StripeInvoice,
)
from billing.stripe_objects.reading import Json
from billing.stripe_objects.returns import Movement, StripeDispute, StripeRefund

__all__ = [
    "CheckoutSession",
    "Json",
    "Movement",
    "PaymentIntent",
    "PaymentMethod",
    "StripeCharge",
    "StripeDispute",
    "StripeEvent",
    "StripeInvoice",
    "StripePrice",
    "StripeProduct",
    "StripeRefund",
]
