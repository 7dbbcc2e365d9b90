"""Stripe's promotion codes lower what is paid where a setting allows them, and nothing else does."""

from __future__ import annotations

from typing import Any

import pytest
import stripe
from django.conf import settings as project
from django.core import mail
from django.db import connection

from accounts.models import User
from billing.money import Money
from billing.packages.models import Package
from billing.purchases.models import Purchase
from credits.ledger.models import Lot
from tests.billing.reporting import deliver, show_success_page
from tests.billing.worker import run_worker
from tests.discounts.making import make_code
from tests.returns.asking import refund
from tests.support.builders import start
from tests.support.sandbox import Sandbox
from tests.tax.paying import costs, pay, prove, sums

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def ada(ada: User, settings: Any) -> User:
    settings.STRIPE_PROMOTION_CODES = True
    return ada


def make_promotion(**coupon: Any) -> None:
    client = stripe.StripeClient(
        project.STRIPE_SECRET_KEY,
        base_addresses={"api": project.STRIPE_API_BASE},
        stripe_version=project.STRIPE_API_VERSION,
    )
    params: Any = {"duration": "once", **coupon}
    made = client.v1.coupons.create(params)
    client.v1.promotion_codes.create({"promotion": {"type": "coupon", "coupon": made.id}, "code": "FALL20"})


def enter(sandbox: Sandbox, session_id: str, code: str = "fall20") -> Any:
    return sandbox._session.post(
        f"{sandbox.url}/c/pay/{session_id}", data={"promotion_code": code, "apply": "1"}
    )


@pytest.mark.parametrize(
    ("tax", "expected"), [("off", (1000, 200, 0, 800)), ("stripe", (1000, 200, 128, 800))]
)
def test_a_code_lowers_what_the_credits_cost(
    sandbox: Sandbox, ada: User, settings: Any, tax: str, expected: tuple[int, ...]
) -> None:
    settings.TAX = tax
    make_promotion(percent_off=20)
    started = start(ada)
    assert "This code is invalid." in enter(sandbox, started.session_id, "NONE").text
    assert "€8.00" in enter(sandbox, started.session_id).text
    sandbox.pay(started.session_id, country="DE")
    sandbox.wait_for_webhooks()
    purchase = Purchase.objects.get()
    _price, _promotion, tax_minor, paid = expected
    assert (purchase.status, sums(purchase), costs()) == ("completed", expected, [paid - tax_minor])
    assert purchase.promotion_code.startswith("promo_")
    run_worker()
    purchase.refresh_from_db()
    assert purchase.promotion_code == "FALL20"
    assert "Promotion code: −€2.00 (FALL20)" in mail.outbox[-1].body
    with connection.cursor() as cursor:
        cursor.execute("SELECT price, promotion, tax, amount_paid FROM credit_purchases")
        assert cursor.fetchall() == [tuple(Money(each, "eur").major for each in expected)]
    refund(purchase, 400)
    assert Lot.objects.get().remaining == 500
    prove()


def test_a_code_that_takes_everything_off_brings_promotional_credits(sandbox: Sandbox, ada: User) -> None:
    Package.objects.update(bonus_credits=100)
    make_promotion(percent_off=100)
    started = start(ada)
    enter(sandbox, started.session_id)
    sandbox.hold_webhooks()
    sandbox.pay(started.session_id, country="DE")
    show_success_page(ada, started.session_id)
    deliver(sandbox, copies=2)
    purchase = Purchase.objects.get()
    assert (purchase.status, sums(purchase)) == ("completed", (1000, 1000, 0, 0))
    assert (purchase.payment_status, purchase.has_receipt) == ("no_payment_required", False)
    lots = [(int(lot.amount), lot.promotional, lot.cost_minor) for lot in Lot.objects.order_by("pk")]
    assert lots == [(1000, True, None), (100, True, None)]
    sandbox.fault(
        method="GET", path="/v1/checkout/sessions/*", status=403, times=1
    )  # the key may not read codes
    run_worker()
    assert Purchase.objects.get().promotion_code.startswith("promo_")
    assert "Amount paid: €0.00" in mail.outbox[-1].body
    prove()


def test_codes_are_taken_only_where_nothing_of_ours_lowers_the_price(
    sandbox: Sandbox, ada: User, settings: Any
) -> None:
    make_code()
    taken = [
        start(ada).purchase.allows_promotion,
        start(ada, discount_code="SPRING-20").purchase.allows_promotion,
    ]
    settings.STRIPE_PROMOTION_CODES = False
    taken.append(start(ada).purchase.allows_promotion)
    assert taken == [True, False, False]
    asked = [each["allow_promotion_codes"] for each in sandbox.objects("checkout.session")]
    assert sorted(asked) == [False, False, True]


def test_a_discount_that_nothing_allowed_is_held_back(sandbox: Sandbox, ada: User, settings: Any) -> None:
    settings.STRIPE_PROMOTION_CODES = False
    settings.TAX = "off"
    started = start(ada)
    sandbox.discount(started.session_id, 100)
    sandbox.pay(started.session_id)
    sandbox.wait_for_webhooks()
    assert (Purchase.objects.get().attention, costs()) == ("amount_differs", [])
    assert pay(sandbox, ada).status == "completed"
