"""Pay for a purchase with a saved card: charge it, or send the buyer to their bank to confirm.

The purchase is committed first, then Stripe is called with its id as the idempotency key, then the answer is recorded.
If the answer is lost, the purchase stays pending, and the success page, the webhook or the sweeper finds the payment.
"""

from __future__ import annotations

import datetime
from dataclasses import replace

import structlog
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from billing.checkout.fulfilment import fulfil_locked_purchase
from billing.checkout.return_urls import SESSION_PLACEHOLDER
from billing.customers.at_stripe import forget_customer
from billing.customers.charging import Charge, charge
from billing.errors import NoConsent
from billing.provider import provider
from billing.provider.errors import CustomerNotFound, PaymentNotFound, StripeRefused, StripeUnavailable
from billing.provider.objects import PaymentIntent
from billing.purchases.log import Change, Source, lock_purchase, record
from billing.purchases.models import Purchase
from billing.purchases.payment_reports import PaymentReport
from billing.purchases.payments import keep_payment, take_turn
from credits.formatting import plain

log = structlog.get_logger(__name__)
Status = Purchase.Status

# Allows for clock differences and for the time that a charge takes.
SLACK = datetime.timedelta(minutes=10)
NO_PAYMENT = "no_payment_at_stripe"
NOT_CONFIRMED = "payment_not_confirmed"
# A payment that nobody can confirm any more, or whose confirmation failed.
OVER = ("requires_payment_method", "canceled")


def charge_purchase(purchase: Purchase, success_url: str, source: Source) -> Purchase:
    """Charge the purchase's saved card, and return the purchase as it stands then; safe to repeat.

    Raises:
        NoConsent: the card was removed a moment ago; nothing was charged.
        StripeRefused: nothing was charged.
    """
    method = purchase.charged_method
    assert method is not None  # noqa: S101 - callers charge only such purchases
    assert purchase.consent_id is not None  # noqa: S101 - a constraint ties it to the card
    order = Charge(
        key=f"purchase-{purchase.pk}",
        amount=purchase.price,
        description=purchase.package_name,
        return_url=success_url.replace(SESSION_PLACEHOLDER, str(purchase.pk)),
        metadata={
            "purchase_id": str(purchase.pk),
            "user_id": str(purchase.user_id),
            "package_code": purchase.package_code,
            "credits": plain(purchase.credits),
        },
    )
    try:
        intent = charge(method, purchase.consent_id, order)
    except StripeUnavailable as error:
        log.warning("charge_unanswered", purchase=str(purchase.pk), code=error.code)
        return purchase
    except (StripeRefused, NoConsent) as error:
        if isinstance(error, CustomerNotFound):
            forget_customer(purchase.stripe_customer_id)
        _fail(purchase, error.code, source)
        error.params["purchase_id"] = str(purchase.pk)
        raise
    return apply_intent(purchase, intent, source)


def sync_card_purchase(purchase: Purchase, source: Source) -> Purchase:
    """Bring a purchase whose card is charged up to date with Stripe; one nobody confirms in time is canceled.

    Raises:
        StripeUnavailable, StripeRefused: no answer.
    """
    intent = payment_of(purchase)
    if intent is None:
        if purchase.created_at < timezone.now() - settings.SWEEP_AFTER:
            _fail(purchase, NO_PAYMENT, source)
        return Purchase.objects.get(pk=purchase.pk)
    is_late = intent.created < timezone.now() - settings.CHECKOUT_SESSION_LIFETIME
    if intent.status == "requires_action" and is_late:
        intent = cancel(intent)
    return apply_intent(purchase, intent, source)


def cancel_card_purchase(purchase: Purchase, source: Source) -> Purchase:
    """Cancel a payment that its buyer won't confirm. Raises as `sync_card_purchase`."""
    intent = payment_of(purchase)
    return purchase if intent is None else apply_intent(purchase, cancel(intent), source)


def payment_of(purchase: Purchase) -> PaymentIntent | None:
    """Return the purchase's payment at Stripe: as recorded, else by our reference among the customer's payments.

    Raises:
        StripeUnavailable, StripeRefused: no answer.
    """
    recorded = purchase.payment
    around = (purchase.created_at - SLACK, purchase.created_at + SLACK)
    try:
        if recorded is not None:
            return provider().retrieve_payment(recorded.stripe_payment_intent_id)
        made = provider().payments_of_customer(purchase.stripe_customer_id, *around)
        return next((intent for intent in made if intent.reference == str(purchase.pk)), None)
    except (PaymentNotFound, CustomerNotFound):
        return None


def apply_intent(purchase: Purchase, intent: PaymentIntent, source: Source) -> Purchase:
    """Apply the payment's state to the purchase: credited, failed, or waiting for the buyer at their bank."""
    report = PaymentReport.from_intent(intent, timezone.now())
    with transaction.atomic():
        take_turn(intent.id)
        purchase = lock_purchase(purchase.pk)
        if intent.status in OVER:
            failed = replace(report.as_failed(), failure_code=report.failure_code or NOT_CONFIRMED)
            fulfil_locked_purchase(purchase, failed, source)
        elif intent.status == "requires_action":
            _wait_for_buyer(purchase, intent, report, source)
        else:
            fulfil_locked_purchase(purchase, report, source)
    if intent.status == "requires_payment_method":
        cancel(intent)  # the client's secret is in the buyer's address bar: nobody shall pay it later
    return purchase


def cancel(intent: PaymentIntent) -> PaymentIntent:
    """Cancel a payment, and return it as it is then: paid just before, perhaps."""
    try:
        return provider().cancel_payment(intent.id)
    except StripeRefused:
        return provider().retrieve_payment(intent.id)
    except StripeUnavailable:
        log.warning("payment_not_canceled", payment=intent.id)
        return intent


def _wait_for_buyer(purchase: Purchase, intent: PaymentIntent, report: PaymentReport, source: Source) -> None:
    known = keep_payment(purchase, report)
    if purchase.status == Status.PENDING and purchase.checkout_url != intent.confirm_url:
        purchase.checkout_url = intent.confirm_url
        detail = {"payment": known.stripe_payment_intent_id} if known else {}
        record(purchase, Change("confirmation_needed", detail=detail), source)


def _fail(purchase: Purchase, code: str, source: Source) -> None:
    with transaction.atomic():
        purchase = lock_purchase(purchase.pk)
        if purchase.status == Status.PENDING:
            purchase.failure_code = code
            record(purchase, Change("not_charged", Status.FAILED, {"code": code}), source)
