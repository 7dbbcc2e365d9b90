"""A saved card is shown on its customer's page, and finds it, as their customer at Stripe does."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import User
from billing.admin.customers.search import find_customers
from billing.customers.models import Customer, SavedMethod
from credits.ledger import operations as ledger
from tests.admin.customers.rows import make_customer, url_of
from tests.admin.pages import count_queries, read

pytestmark = pytest.mark.django_db


@pytest.fixture
def ada() -> User:
    user = make_customer()
    account = ledger.open_account(user)
    at_stripe = Customer.objects.create(account=account, stripe_customer_id="cus_1", default_method="pm_1")
    save(at_stripe, "pm_1", last4="4242")
    return user


def save(at_stripe: Customer, method_id: str, **facts: Any) -> SavedMethod:
    now = timezone.now()
    card = {"method": "card", "brand": "visa", "exp_month": 3, "exp_year": 2099, "attached_at": now, **facts}
    return SavedMethod.objects.create(
        customer=at_stripe, stripe_payment_method_id=method_id, reported_at=now, **card
    )


@pytest.mark.parametrize("stripe_id", ["cus_1", "pm_1"])
def test_stripes_ids_find_the_customer(stripe_id: str, ada: User) -> None:
    assert [customer.key for customer in find_customers(stripe_id).customers] == [ada.pk]


def test_each_card_says_what_it_is_good_for(ada: User, as_clerk: Client) -> None:
    before = count_queries(as_clerk, url_of(ada))
    at_stripe = Customer.objects.get()
    save(at_stripe, "pm_2", last4="1111", exp_year=2020)
    save(at_stripe, "pm_3", last4="2222", detached_at=timezone.now())

    page = read(as_clerk, url_of(ada))
    for shown in (
        "Visa •••• 4242",
        "03/2099",
        "Default",
        "Visa •••• 1111",
        "Expired",
        "Visa •••• 2222",
        "Removed",
    ):
        assert shown in page, shown
    assert "https://dashboard.stripe.com/test/customers/cus_1" in page
    assert count_queries(as_clerk, url_of(ada)) == before
