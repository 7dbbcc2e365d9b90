"""Read the facts we use from Stripe's JSON, whether it came by webhook or by call."""

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
