"""A customer whose email address Stripe refuses is made, and buys, all the same: without it."""

from __future__ import annotations

import pytest

from billing.customers.models import Customer
from billing.provider.errors import StripeRefused
from billing.purchases.models import Purchase
from tests.billing.calling import stripe_posts
from tests.support.builders import UserFactory, put_on_sale, start
from tests.support.sandbox import Sandbox

pytestmark = pytest.mark.django_db(transaction=True)
CUSTOMERS = "/v1/customers"


@pytest.fixture(autouse=True)
def _shop(sandbox: Sandbox) -> None:
    put_on_sale()


@pytest.mark.parametrize("address", ["weird@localhost", "no address at all", "zoë@example.com"])
def test_the_customer_is_made_without_the_address(
    sandbox: Sandbox, address: str, caplog: pytest.LogCaptureFixture
) -> None:
    user = UserFactory(email=address)
    started = start(user)

    refused, made = stripe_posts(sandbox, CUSTOMERS)
    customer = Customer.objects.get(account__owner=user)
    key = f"customer-{customer.pk}-1"
    assert (refused["params"]["email"], made["params"].get("email", "")) == (address, "")
    assert (refused["idempotency_key"], made["idempotency_key"]) == (key, f"{key}-without-email")
    sandbox.pay(started.session_id, email="typed@example.com")
    sandbox.wait_for_webhooks()
    assert Purchase.objects.get().status == "completed"
    assert "customer_email_refused" in caplog.text
    assert address not in caplog.text


def test_another_refusal_is_no_refused_address(sandbox: Sandbox) -> None:
    sandbox.fault(method="POST", path=CUSTOMERS, status=400)
    with pytest.raises(StripeRefused):
        start(UserFactory())

    assert len(stripe_posts(sandbox, CUSTOMERS)) == 1
    assert Purchase.objects.get().status == "failed"
