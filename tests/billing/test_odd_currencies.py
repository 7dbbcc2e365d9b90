"""Currencies without decimals, with three, and with two that must be 00, through all that a purchase meets."""

from __future__ import annotations

from decimal import Decimal
from io import StringIO
from typing import Any

import pytest
from django.core import mail
from django.core.management import call_command
from django.test import Client

from billing.errors import InvalidRefund
from billing.mail.confirmation import send_purchase_confirmation
from billing.money import Money
from billing.packages.models import CustomAmount, PackagePrice
from billing.purchases.models import Purchase
from billing.receipts.issuing import issue_receipt
from billing.receipts.pdf import render_receipt
from billing.reporting.selectors import sales_by_package
from credits.ledger.models import Lot
from tests.billing.calling import API, browser_of, csv_of, post_json
from tests.billing.reporting import reconcile_now
from tests.discounts.making import make_amount, make_code, make_sale
from tests.receipts.papers import text_of
from tests.returns.asking import refund
from tests.support.builders import PackageFactory, UserFactory
from tests.support.sandbox import Sandbox

pytestmark = pytest.mark.django_db(transaction=True)
# Currency, the package's price, an amount off, what three cost in a sale of 15% less that amount, and how that reads:
# 1,999 less 15% is 1,699.15.
WALK = [
    ("jpy", 1999, 100, 4997, "¥4,997"),
    ("kwd", 1990, 100, 4970, "4.970 KWD"),
    ("isk", 199_900, 10_000, 499_700, "4,997.00 ISK"),
]


def step_of(currency: str) -> int:
    return {"jpy": 1, "kwd": 10}.get(currency, 100)


@pytest.mark.parametrize(("currency", "price", "off", "total", "shown"), WALK)
def test_a_purchase_is_right_to_the_smallest_unit_from_the_price_to_the_figures(
    sandbox: Sandbox, as_superuser: Client, currency: str, price: int, off: int, total: int, shown: str
) -> None:
    package = PackageFactory.create(code="odd", credits=1000, bonus_credits=100, bonus_validity_days=30)
    PackagePrice.objects.create(package=package, currency=currency, price_minor=price).full_clean()
    make_sale(15)
    make_amount(make_code(percent=None, stackable=True), off, currency=currency)
    browser = browser_of(UserFactory(email="ada@example.com"))
    body = {"package_code": "odd", "quantity": 3, "discount_code": "spring-20", "currency": currency}
    owed = Money(total, currency)

    quoted = post_json(browser, "quote", body).json()
    assert Decimal(str(quoted["list"])) - Decimal(str(quoted["discount"])) == owed.major
    assert (Decimal(str(quoted["total"])), quoted["bonus_credits"]) == (owed.major, 300)
    started = post_json(browser, "purchase", {**body, "price": f"{owed.major:f}"}).json()
    (session,) = sandbox.objects("checkout.session")
    assert (session["amount_total"], session["currency"]) == (total, currency)
    sandbox.pay(started["session_id"])
    sandbox.wait_for_webhooks()
    purchase = Purchase.objects.get()
    assert (purchase.status, purchase.paid_minor) == ("completed", total)
    paid, bonus = Lot.objects.order_by("id")
    assert (paid.amount, paid.cost_minor, bonus.amount, bonus.cost_minor) == (3000, total, 300, None)

    mail.outbox.clear()
    send_purchase_confirmation(purchase.pk)
    for text in (
        str(mail.outbox[0].body),
        text_of(render_receipt(issue_receipt(purchase.pk))),
        browser.get("/credits/history/").content.decode(),
    ):
        assert shown in text
    _refunded_by_part(sandbox, purchase, as_superuser)


def _refunded_by_part(sandbox: Sandbox, purchase: Purchase, staff: Client) -> None:
    step, total = step_of(purchase.currency), purchase.price_minor
    if step > 1:
        with pytest.raises(InvalidRefund):
            refund(purchase, step + 1)
    refund(purchase, 7 * step)
    sandbox.wait_for_webhooks()
    paid, bonus = Lot.objects.order_by("id")
    share = Decimal(7 * step) / total
    assert (abs(3000 - paid.remaining - 3000 * share) < Decimal("0.000002"), bonus.remaining) == (True, 0)
    (line,) = csv_of(staff, "/admin/purchases/purchase/download/")
    back = Money(7 * step, purchase.currency)
    assert (line["price"], line["refunded"]) == (f"{purchase.price.major:f}", f"{back.major:f}")

    call_command("rebuild_figures", stdout=StringIO())
    call_command("rebuild_figures", "--check", stdout=StringIO())
    call_command("check_ledger", stdout=StringIO())
    assert reconcile_now().open == []
    day = purchase.created_at.date()
    (row,) = sales_by_package(day, day, purchase.currency)
    assert row.sales.paid_minor == total


@pytest.mark.parametrize(("currency", "price"), [("jpy", 1999), ("kwd", 1990), ("ugx", 199_900)])
def test_an_amount_of_the_buyers_choice_is_on_the_currencys_step(
    sandbox: Sandbox, currency: str, price: int
) -> None:
    PackageFactory.create(code="odd", credits=1000, price_minor=price, currency=currency, bonus_credits=100)
    step = step_of(currency)
    entry = CustomAmount(
        currency=currency,
        minimum_minor=price - price % (50 * step),
        maximum_minor=price * 100 - price * 100 % (50 * step),
        increment_minor=50 * step,
        credits_per_unit=Decimal(1),
    )
    entry.full_clean()
    entry.save()
    browser, chosen = browser_of(UserFactory()), Money(entry.minimum_minor + 50 * step, currency)
    query: dict[str, Any] = {"amount": f"{chosen.major:f}", "currency": currency}
    found = browser.get(f"{API}quote", query).json()
    assert Decimal(str(found["price"])) == chosen.major
    assert found["credits"] >= 1000 * chosen.minor // price
    assert found["credits"] + found["bonus_credits"] >= 1100
    finer = {**query, "amount": f"{Money(chosen.minor + step, currency).major:f}"}
    assert browser.get(f"{API}quote", finer).json()["code"] == "amount_not_on_increment"
    started = post_json(browser, "purchase", query).json()
    sandbox.pay(started["session_id"])
    sandbox.wait_for_webhooks()
    assert Purchase.objects.get().paid_minor == chosen.minor
