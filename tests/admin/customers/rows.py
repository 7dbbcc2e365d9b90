"""Customers with something on every part of their page."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from accounts.notes.writing import write_note
from billing.purchases.models import Purchase
from billing.receipts.issuing import issue_receipt
from billing.recovery.models import Reminder
from billing.subscriptions.models import Subscription, SubscriptionInvoice, Terms
from credits.gifts import giving as gifts
from credits.ledger import operations as ledger
from tests.admin.rows import make_adjustment, make_dispute, make_purchase, make_refund, pay
from tests.credits.builders import grant
from tests.redemption.builders import new_code, redeem_code
from tests.support.builders import UserFactory


def url_of(key: Any, page: str = "customer") -> str:
    return reverse(page, args=[getattr(key, "pk", key)])


def make_customer(**names: Any) -> User:
    names = {"username": "ada", "first_name": "Ada", "last_name": "Lovelace", **names}
    user: User = UserFactory.create(**names)
    return user


def buy(user: User, **fields: Any) -> Purchase:
    """A purchase that was paid and credited."""
    purchase = make_purchase(user=user, **fields)
    pay(purchase)
    return Purchase.objects.get(pk=purchase.pk)


def subscribe(user: User, number: str, **facts: Any) -> Subscription:
    """A subscription with its terms, as if taken at Stripe."""
    now = timezone.now()
    row: Subscription = Subscription.objects.create(
        account=ledger.open_account(user),
        created_by=user,
        stripe_subscription_id=f"sub_{number}",
        stripe_session_id=f"cs_{number}",
        stripe_price_id="price_1",
        **{"status": "active", "period_start": now, "period_end": now + timedelta(days=30), **facts},
    )
    Terms.objects.create(
        subscription=row,
        stripe_price_id="price_1",
        plan_code="plus",
        plan_name="Plus",
        credits=Decimal(5000),
        price_minor=4000,
        currency="usd",
        interval="month",
        rollover="none",
    )
    return row


def bill(row: Subscription, number: str, **facts: Any) -> SubscriptionInvoice:
    invoice: SubscriptionInvoice = SubscriptionInvoice.objects.create(
        subscription=row,
        stripe_invoice_id=f"in_{number}",
        **{"status": "paid", "amount_minor": 4000, "currency": "usd", "issued_at": timezone.now(), **facts},
    )
    return invoice


def live_through_everything(user: User, staff: User) -> Purchase:
    """A purchase with a receipt, a refund and a dispute, a note, an adjustment, a gift each way, a redeemed
    code, a plan, and emails.
    """
    purchase = buy(user, stripe_customer_id=f"cus_{user.pk.hex}")
    issue_receipt(purchase.pk)
    now = timezone.now()
    make_refund(purchase, stripe_refund_id=f"re_{uuid4().hex}", status="succeeded", mailed_at=now)
    make_dispute(purchase, status="won")
    write_note(user, staff, f"Called about {purchase.package_name}.", uuid4())
    make_adjustment(purchase.account, "5000", staff)
    friend: User = UserFactory.create()
    grant(ledger.open_account(friend), 100)
    grant(purchase.account, 100)
    give(user, friend)
    give(friend, user)
    redeem_code(user, new_code())
    plan = subscribe(user, uuid4().hex, status="canceled", ended_at=now)
    bill(plan, uuid4().hex, purchase=purchase, failure_mailed_at=now)
    Purchase.objects.filter(pk=purchase.pk).update(confirmation_sent_at=now)
    Reminder.objects.create(purchase=purchase, state=Reminder.State.SENT, sent_at=now)
    return Purchase.objects.get(pk=purchase.pk)


def give(sender: User, recipient: User) -> None:
    gifts.give(sender, recipient, Decimal(10), "With love", key=uuid4().hex)
