"""Name how a payment was made, for receipts, pages and the admin."""

from __future__ import annotations

import structlog
from django.db import transaction
from django.utils.translation import gettext_lazy as _

from billing.errors import StripeRefused, StripeUnavailable
from billing.provider import provider
from billing.purchases.log import lock_purchase
from billing.purchases.models import Payment
from billing.purchases.payment_reports import PaymentReport
from billing.purchases.payments import keep_payment

log = structlog.get_logger(__name__)

# Stripe's brands, wallets and methods whose usual names title case doesn't produce:
# https://docs.stripe.com/api/charges/object#charge_object-payment_method_details
NAMES = {
    "amex": "American Express",
    "diners": "Diners Club",
    "jcb": "JCB",
    "mastercard": "Mastercard",
    "unionpay": "UnionPay",
    "apple_pay": "Apple Pay",
    "google_pay": "Google Pay",
    "samsung_pay": "Samsung Pay",
    "sepa_debit": "SEPA Direct Debit",
    "us_bank_account": "ACH Direct Debit",
    "bacs_debit": "Bacs Direct Debit",
    "paypal": "PayPal",
}


def paid_with(payment: Payment) -> str:
    """Return “Visa •••• 4242 (Apple Pay)” or “SEPA Direct Debit •••• 3000”; empty until Stripe reports it."""
    what = _named(payment.brand or payment.method)
    if not what:
        return ""
    digits = _("%(what)s •••• %(last4)s") % {"what": what, "last4": payment.last4} if payment.last4 else what
    return f"{digits} ({_named(payment.wallet)})" if payment.wallet else str(digits)


def ask_how_was_paid(payment: Payment) -> None:
    """Fetch the charge of a payment reported without one. If Stripe gives no answer, it stays unknown."""
    try:
        charge = provider().charge_of_payment(payment.stripe_payment_intent_id)
    except (StripeUnavailable, StripeRefused) as error:
        log.warning("payment_method_not_known", payment=payment.stripe_payment_intent_id, reason=error.code)
        return
    if charge is not None:
        with transaction.atomic():
            purchase = lock_purchase(payment.purchase_id)
            keep_payment(purchase, PaymentReport.from_charge(charge, charge.created))


def _named(name: str) -> str:
    return NAMES.get(name, name.replace("_", " ").title())
