"""A plan's invoices are taxed by Stripe: what they grant is what the lines say, and costs the net amount."""

from __future__ import annotations

from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command

from accounts.models import User
from billing.plans.models import Plan
from billing.purchases.models import Payment, Purchase
from billing.subscriptions.changing import change_plan
from billing.subscriptions.subscribing import subscribe
from credits.ledger.operations import open_account
from tests.returns.asking import refund
from tests.subscriptions.story import DAY_S, renew, told
from tests.support.builders import UserFactory, put_on_sale
from tests.support.sandbox import Sandbox
from tests.tax.paying import costs, prove, sums

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def ada(sandbox: Sandbox, settings: Any) -> User:
    settings.TAX = "stripe"
    put_on_sale("demo")
    user: User = UserFactory(email="ada@example.com")
    return user


def sync() -> str:
    out = StringIO()
    call_command("sync_catalog", stdout=out)
    return out.getvalue()


def take(sandbox: Sandbox, user: User, code: str = "plus", **buyer: Any) -> Any:
    started = subscribe(user, open_account(user), code)
    sandbox.pay(started.session_id, country="DE", **buyer)
    return told(sandbox, started.subscription)


def test_each_invoice_is_taxed_and_an_upgrade_too(sandbox: Sandbox, ada: User) -> None:
    sync()
    price, tax, paid = 4000, 760, 4760
    row = take(sandbox, ada)
    purchase = Purchase.objects.get()
    assert (purchase.status, sums(purchase), costs()) == ("completed", (price, 0, tax, paid), [paid - tax])
    assert Payment.objects.get().tax_minor == tax
    plus = Plan.objects.get(code="plus")
    assert purchase.credits == plus.credits
    refund(purchase, 500)
    prove()
    row = renew(sandbox, row)  # from here on Stripe's clock is ahead of the figures'
    assert costs() == [paid - tax] * 2
    sandbox.advance(10 * DAY_S)
    change_plan(ada, row, "max")
    told(sandbox, row)
    upgrade = Purchase.objects.latest("created_at")
    assert upgrade.paid_minor == upgrade.total_minor
    assert upgrade.tax_minor > 0
    assert costs()[2] == upgrade.net_minor
    refund(upgrade, upgrade.paid_minor // 2)
    call_command("check_ledger", stdout=StringIO())


def test_the_months_of_a_year_cost_its_net_price(sandbox: Sandbox, ada: User, settings: Any) -> None:
    settings.TAX_INCLUSIVE_CURRENCIES = ["usd"]
    Plan.objects.filter(code="plus").update(interval="year", price_minor=40_001)
    sync()
    take(sandbox, ada)
    purchase = Purchase.objects.get()
    assert sums(purchase) == (40_001, 0, 6387, 40_001)
    assert sum(each.cost_minor for each in purchase.scheduled_grants.all()) == 40_001 - 6387
    refund(purchase, purchase.paid.minor // 3)
    prove()


def test_a_business_elsewhere_pays_no_tax_by_itself(sandbox: Sandbox, ada: User, settings: Any) -> None:
    sync()
    started = subscribe(ada, open_account(ada), "plus")
    sandbox.pay(started.session_id, country="FR", tax_id="FR12345678901")
    told(sandbox, started.subscription)
    purchase = Purchase.objects.get()
    assert (purchase.tax_minor, purchase.tax_note) == (0, "reverse_charge")
    settings.TAX_POINT = "spend"
    take(sandbox, UserFactory())
    untaxed = Purchase.objects.latest("created_at")
    assert (untaxed.tax_minor, untaxed.tax_note) == (0, "voucher")


def test_the_catalogue_says_at_stripe_how_a_price_is_taxed(
    sandbox: Sandbox, ada: User, settings: Any
) -> None:
    settings.TAX = "off"
    sync()
    ids = {price["id"] for price in sandbox.objects("price")}
    settings.TAX = "stripe"
    assert "is taxed" in sync()
    prices = sandbox.objects("price")
    assert {price["tax_behavior"] for price in prices} == {"exclusive"}
    assert {price["id"] for price in prices} == ids
    assert "is taxed" not in sync()
    # It can't be changed: another one takes its place.
    settings.TAX_INCLUSIVE_CURRENCIES = ["usd"]
    sync()
    current = [price for price in sandbox.objects("price") if price["active"] and price["currency"] == "usd"]
    assert {price["tax_behavior"] for price in current} == {"inclusive"}
    assert not {price["id"] for price in current} & ids
