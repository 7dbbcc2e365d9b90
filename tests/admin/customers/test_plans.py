"""A customer's plan is found by each of its ids at Stripe."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone

from accounts.models import User
from billing.admin.customers.search import find_customers
from billing.subscriptions.models import GrantedLine, Subscription, SubscriptionInvoice, Terms
from credits.ledger import operations as ledger
from tests.admin.customers.rows import make_customer

pytestmark = pytest.mark.django_db


def subscribe(user: User, number: str, **facts: Any) -> Subscription:
    """A subscription with its terms."""
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


@pytest.fixture
def ada() -> User:
    return make_customer()


@pytest.fixture
def plan(ada: User) -> Subscription:
    return subscribe(ada, "1")


def test_every_id_of_a_plan_finds_its_customer(ada: User, plan: Subscription) -> None:
    for number, row in (("1", plan), ("2", subscribe(make_customer(username="bob"), "2"))):
        line = {"stripe_line_id": f"il_{number}", "stripe_price_id": "price_1", "credits": 1}
        GrantedLine.objects.create(invoice=bill(row, number), **line)
    for text in ("sub_1", "cs_1", "in_1", "il_1", str(plan.pk)):
        assert [customer.key for customer in find_customers(text).customers] == [ada.pk], text
