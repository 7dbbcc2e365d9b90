"""A purchase by saved card is compared with Stripe, and re-checked by staff, like one by checkout."""

from __future__ import annotations

import datetime
from typing import Any

import pytest

from accounts.models import User
from billing.checkout.repair import rerun_fulfilment
from billing.customers.models import Customer
from billing.provider import provider
from billing.provider.errors import CustomerNotFound, PaymentNotFound
from billing.purchases.models import Purchase
from billing.reconciliation.comparing import sweep_open_purchases
from credits.ledger.operations import open_account
from tests.billing.reporting import kinds, reconcile_now
from tests.customers.cards import charges, click, save_card
from tests.support.builders import UserFactory, put_on_sale
from tests.support.sandbox import Sandbox

pytestmark = pytest.mark.django_db(transaction=True)
LOST = {"method": "POST", "path": "/v1/payment_intents", "status": None, "after": True, "times": 10}


@pytest.fixture(autouse=True)
def _shop(sandbox: Sandbox, settings: Any) -> None:
    put_on_sale()
    settings.SWEEP_AFTER = datetime.timedelta(0)


@pytest.fixture
def ada() -> User:
    user: User = UserFactory(email="ada@example.com")
    return user


def test_reconciliation_finds_its_payment(sandbox: Sandbox, ada: User) -> None:
    click(ada, save_card(sandbox, ada))
    assert reconcile_now().open == []

    (intent,) = charges(sandbox)
    sandbox.change_object("payment_intent", intent["id"], {"amount_received": 4000})
    assert kinds(reconcile_now().open) == ["credited_amount_differs"]
    sandbox.post("/_sandbox/reset")
    assert kinds(reconcile_now().open) == ["missing_at_stripe"] * 2  # and the checkout that saved the card


def test_staff_find_a_payment_whose_answer_was_lost(sandbox: Sandbox, ada: User) -> None:
    card = save_card(sandbox, ada)
    sandbox.hold_webhooks()
    sandbox.fault(**LOST)
    purchase = click(ada, card).purchase
    sandbox.delete("/_sandbox/faults")
    staff = UserFactory()

    assert rerun_fulfilment(purchase.pk, staff.pk).status == "completed"
    assert rerun_fulfilment(purchase.pk, staff.pk).status == "completed"
    event = purchase.events.filter(what="fulfilment_rerun").first()
    assert event is not None
    assert (event.actor_id, event.detail["payment_status"]) == (staff.pk, "succeeded")
    account = open_account(ada)
    assert (account.balance, len(charges(sandbox))) == (6000, 1)


def test_staff_are_told_that_nothing_was_charged(sandbox: Sandbox, ada: User) -> None:
    card = save_card(sandbox, ada)
    sandbox.fault(**{**LOST, "after": False})
    purchase = click(ada, card).purchase
    sandbox.delete("/_sandbox/faults")
    with pytest.raises(PaymentNotFound, match="its card was not charged"):
        rerun_fulfilment(purchase.pk, UserFactory().pk)


def test_a_payment_is_found_though_its_customer_was_deleted(sandbox: Sandbox, ada: User) -> None:
    card = save_card(sandbox, ada)
    customer = str(Customer.objects.get().stripe_customer_id)
    sandbox.fault(**LOST)
    sandbox.hold_webhooks()
    purchase = click(ada, card).purchase
    sandbox.delete("/_sandbox/faults")
    provider().delete_customer(customer)
    sandbox.release_webhooks(types=["customer.deleted"])

    sweep_open_purchases()
    assert Purchase.objects.get(pk=purchase.pk).status == "completed"


def test_a_customer_found_deleted_is_forgotten_with_its_cards(sandbox: Sandbox, ada: User) -> None:
    card = save_card(sandbox, ada)
    sandbox.hold_webhooks()
    provider().delete_customer(str(Customer.objects.get().stripe_customer_id))
    with pytest.raises(CustomerNotFound):
        click(ada, card)
    customer = Customer.objects.get()
    assert (customer.stripe_customer_id, customer.methods.filter(detached_at=None).count()) == (None, 0)
    assert (Purchase.objects.latest("created_at").status, charges(sandbox)) == ("failed", [])
