"""Name how a payment was made, for receipts, pages and the admin."""

from __future__ import annotations

import structlog
from django.db import transaction

from billing.method_names import method_name
from billing.provider import provider
from billing.provider.errors import StripeRefused, StripeUnavailable
from billing.purchases.log import lock_purchase
from billing.purchases.models import Payment
from billing.purchases.payment_reports import PaymentReport
from billing.purchases.payments import keep_payment

log = structlog.get_logger(__name__)


def paid_with(payment: Payment) -> str:
    """Return “Visa •••• 4242 (Apple Pay)” or “SEPA Direct Debit •••• 3000”; empty until Stripe reports it."""
    return method_name(payment.brand or payment.method, payment.last4, payment.wallet)


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
