"""Purchases in every state, written straight into the database: for looking at pages, not at what led there."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from uuid import uuid4

from django.utils import timezone

from accounts.models import User
from billing.packages.models import Package
from billing.packages.pricing import offer_for
from billing.purchases.models import Payment, Purchase
from credits.ledger import operations as ledger
from credits.ledger.models import Entry

Status = Purchase.Status
# Those that somebody went through with at Stripe, and how far their payment came.
STATES = {
    Status.COMPLETED: Payment.State.PAID,
    Status.PROCESSING: Payment.State.PROCESSING,
    Status.FAILED: Payment.State.FAILED,
}


def make_purchase(user: User, status: str, attention: str = "", package_code: str = "standard") -> Purchase:
    package = Package.objects.get(code=package_code)
    offer = offer_for(package)
    is_completed = status in Purchase.CREDITED
    purchase = Purchase.objects.create(
        user=user,
        account=ledger.open_account(user),
        package=package,
        package_code=package.code,
        package_name=package.name,
        credits=package.credits,
        price_minor=package.price_minor,
        list_price_minor=offer.list_price.minor,
        currency=package.currency,
        discount_percentage=offer.discount_percentage,
        status=status,
        attention=attention,
        paid_minor=package.price_minor if is_completed else None,
        completed_at=timezone.now() - timedelta(minutes=1) if is_completed else None,
        stripe_session_id=f"cs_test_{uuid4().hex}",
        checkout_url="https://checkout.example.com/c/pay/cs_test_1",
    )
    if Status(status) in STATES:
        make_payment(purchase, STATES[Status(status)])
    return purchase


def make_payment(purchase: Purchase, state: Payment.State) -> None:
    """By a Visa; no credits come of it."""
    Payment.objects.create(
        purchase=purchase,
        stripe_payment_intent_id=f"pi_3{uuid4().hex[:23]}",
        amount_minor=purchase.price_minor,
        currency=purchase.currency,
        state=state,
        livemode=False,
        method="card",
        brand="visa",
        last4="4242",
        paid_at=timezone.now() if state == Payment.State.PAID else None,
        reported_at=timezone.now(),
    )


def grant_with_hold(user: User, amount: int, held: int) -> None:
    """Credits, some of them set aside."""
    account = ledger.open_account(user)
    ledger.grant(account.pk, Decimal(amount), kind=Entry.Kind.PURCHASE, key=f"test:{uuid4()}")
    ledger.hold(account.pk, Decimal(held), key=f"test:{uuid4()}", expires_in=timedelta(hours=1))
