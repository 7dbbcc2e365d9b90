"""Stripe's objects as the few facts that we act on, read from their JSON, whether a webhook or a call brought it."""

from billing.stripe.objects.catalog import StripePrice, StripeProduct
from billing.stripe.objects.events import StripeEvent
from billing.stripe.objects.payments import (
    CheckoutSession,
    PaymentIntent,
    PaymentMethod,
    StripeCharge,
    StripeInvoice,
)
from billing.stripe.objects.reading import Json
from billing.stripe.objects.reversals import Movement, StripeDispute, StripeRefund

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
