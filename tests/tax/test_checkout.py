"""A sale is taxed at the checkout: the total agrees, the credits cost the net amount, and nothing is guessed."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import IntegrityError, transaction

from accounts.models import User
from billing.packages.models import Package
from billing.purchases.models import Payment, Purchase
from billing.reconciliation.comparing import sweep_open_purchases
from tests.billing.reporting import deliver, show_success_page
from tests.support.builders import start
from tests.support.sandbox import Sandbox
from tests.tax.paying import costs, pay, prove, sums

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize(
    ("currency", "country", "expected"),
    [
        ("eur", "DE", (1000, 0, 160, 1000)),
        ("usd", "DE", (1000, 0, 190, 1190)),
        ("usd", "US", (1000, 0, 0, 1000)),
    ],
)
def test_the_credits_cost_what_was_paid_without_tax(
    sandbox: Sandbox, ada: User, currency: str, country: str, expected: tuple[int, ...]
) -> None:
    Package.objects.update(currency=currency)
    purchase = pay(sandbox, ada, country)
    assert (purchase.status, sums(purchase)) == ("completed", expected)
    _price, _promotion, tax, paid = expected
    assert costs() == [paid - tax]
    assert Payment.objects.get().tax_minor == tax
    prove()


def test_an_untaxed_shop_asks_for_no_tax(sandbox: Sandbox, ada: User, settings: Any) -> None:
    settings.TAX = "off"
    purchase = pay(sandbox, ada)
    (session,) = sandbox.objects("checkout.session")
    assert (session["automatic_tax"]["enabled"], session["billing_address_collection"]) == (False, None)
    assert (sums(purchase), purchase.tax_note) == ((1000, 0, 0, 1000), "")
    settings.TAX, settings.TAX_POINT = "stripe", "spend"
    purchase = pay(sandbox, ada)
    assert (sums(purchase), purchase.tax_note) == ((1000, 0, 0, 1000), "voucher")
    assert not any(each["automatic_tax"]["enabled"] for each in sandbox.objects("checkout.session"))


def test_a_payment_alone_credits_nothing_until_its_checkout_is_known(sandbox: Sandbox, ada: User) -> None:
    sandbox.hold_webhooks()
    started = start(ada)
    sandbox.pay(started.session_id, country="DE")
    deliver(sandbox, types=["payment_intent.succeeded", "charge.succeeded"])
    purchase = Purchase.objects.get()
    assert (purchase.status, purchase.attention, Payment.objects.get().state) == ("pending", "", "processing")
    deliver(sandbox, order="reverse", copies=2)
    assert (sums(Purchase.objects.get()), costs()) == ((1000, 0, 160, 1000), [840])
    assert Payment.objects.get().state == "paid"
    prove()


@pytest.mark.parametrize("finder", ["success page", "sweeper", "sweeper of a closed one"])
def test_a_lost_checkout_event_leaves_nobody_waiting(
    sandbox: Sandbox, ada: User, settings: Any, finder: str
) -> None:
    sandbox.hold_webhooks()
    started = start(ada)
    sandbox.pay(started.session_id, country="DE")
    if finder == "sweeper of a closed one":
        Purchase.objects.update(status="failed", failure_code="stripe_refused")
    deliver(sandbox, types=["payment_intent.succeeded"], drop=["checkout.session.completed"])
    if finder == "success page":
        show_success_page(ada, started.session_id)
    else:
        settings.SWEEP_AFTER *= 0
        sweep_open_purchases()
    assert (sums(Purchase.objects.get()), costs()) == ((1000, 0, 160, 1000), [840])


@pytest.mark.parametrize(
    ("odd", "off"),
    [({"amount_subtotal": 900}, 0), ({"amount_total": 1100}, 0), ({}, 200)],
    ids=["another subtotal", "another total", "a discount that nobody allowed"],
)
def test_a_total_that_doesnt_agree_is_held_back(
    sandbox: Sandbox, ada: User, odd: dict[str, int], off: int
) -> None:
    started = start(ada)
    if off:
        sandbox.discount(started.session_id, off)
    sandbox.hold_webhooks()
    sandbox.pay(started.session_id, country="DE")
    sandbox.post("/_sandbox/webhooks/drop", {"types": ["checkout.session.completed"]})
    sandbox.change_object("checkout.session", started.session_id, odd, tell=["checkout.session.completed"])
    assert set(deliver(sandbox)) == {200}
    purchase = Purchase.objects.get()
    assert (purchase.is_credited, purchase.attention, costs()) == (False, "amount_differs", [])


def test_a_declined_card_and_another_address_end_at_the_last_ones_tax(sandbox: Sandbox, ada: User) -> None:
    Package.objects.update(currency="usd")
    started = start(ada)
    sandbox.pay(started.session_id, "4000000000000002", country="DE")
    sandbox.pay(started.session_id, country="FR")
    sandbox.wait_for_webhooks()
    assert sums(Purchase.objects.get()) == (1000, 0, 200, 1200)
    prove()


def test_a_bank_payment_is_taxed_when_it_arrives(sandbox: Sandbox, ada: User) -> None:
    started = start(ada)
    order = {"method": "sepa_debit", "country": "ES"}
    sandbox.post(f"/_sandbox/checkout/sessions/{started.session_id}/pay", order)
    sandbox.wait_for_webhooks()
    assert Purchase.objects.get().status == "processing"
    sandbox.settle(started.session_id)
    sandbox.wait_for_webhooks()
    assert (sums(Purchase.objects.get()), costs()) == ((1000, 0, 174, 1000), [826])


def test_a_second_payment_is_noticed_without_its_checkout(sandbox: Sandbox, ada: User) -> None:
    purchase = pay(sandbox, ada)
    sandbox.pay_again(str(purchase.stripe_session_id))
    sandbox.wait_for_webhooks()
    purchase.refresh_from_db()
    assert (purchase.attention, costs()) == ("paid_twice", [840])


def test_the_database_holds_it_by_itself(sandbox: Sandbox, ada: User) -> None:
    pay(sandbox, ada)
    for wrong in (
        {"tax_minor": -1},
        {"tax_minor": 1001},
        {"tax_behavior": ""},
        {"tax_behavior": "exclusive"},
        {"promotion_minor": 100, "paid_minor": 900},
        {"allows_promotion": True, "promotion_minor": 100},
        {"paid_minor": None},
    ):
        with pytest.raises(IntegrityError), transaction.atomic():
            Purchase.objects.update(**wrong)
