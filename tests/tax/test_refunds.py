"""A refund takes credits back by its share of the payment, and the tax goes with it in the same proportion."""

from __future__ import annotations

import os
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from accounts.models import User
from billing.money import Money
from billing.packages.models import Package
from billing.purchases.exports import purchases_csv
from billing.purchases.models import Purchase
from billing.receipts.issuing import file_of, issue_credit_note, issue_receipt
from billing.refunds.exports import refunds_csv
from billing.refunds.models import Refund
from billing.refunds.refunding import preview_refund
from billing.refunds.returned_tax import tax_of, taxes_of
from billing.reporting.models import ReturnsDay
from billing.tax import tax_within
from credits.ledger.models import Lot
from tests.receipts.papers import text_of
from tests.returns.asking import refund, refund_in_dashboard
from tests.support.builders import UserFactory, put_on_sale
from tests.support.effort import effort
from tests.support.emptying import empty_tables
from tests.support.sandbox import Sandbox
from tests.tax.paying import pay, prove

pytestmark = pytest.mark.django_db(transaction=True)


def rows(lines: Any) -> list[dict[str, str]]:
    header, *others = (line.strip().split(",") for line in lines)
    return [dict(zip(header, line, strict=True)) for line in others]


def test_half_a_refund_takes_half_of_the_tax_and_the_rest_takes_all_of_it(
    sandbox: Sandbox, ada: User
) -> None:
    purchase = pay(sandbox, ada)  # €10.00 with 19%: €1.60
    preview = preview_refund(purchase, 500)
    assert (preview.tax.minor, int(preview.credits_asked)) == (80, 500)
    first = refund(purchase, 500)
    sandbox.wait_for_webhooks()
    assert tax_of(first) == Money(80, "eur")
    (lot,) = Lot.objects.all()
    assert (int(lot.remaining), int(lot.cost_minor * lot.remaining / lot.amount)) == (500, 420)
    prove()
    for amount in (167, 167, 166):  # rounded one by one, these would have 81 cents
        refund_in_dashboard(purchase, amount)
    sandbox.wait_for_webhooks()
    taxes = taxes_of(list(Refund.objects.select_related("payment")))
    assert sum(each.minor for each in taxes.values()) == 160
    assert Purchase.objects.get().status == "refunded"
    assert ReturnsDay.objects.count() == 1
    prove()
    assert ReturnsDay.objects.get().returned_tax_minor == 160


def test_papers_and_files_tell_the_tax(sandbox: Sandbox, ada: User) -> None:
    Package.objects.update(currency="usd")
    purchase = pay(sandbox, ada)
    paper = text_of(file_of(issue_receipt(purchase.pk)).content)
    for part in ("Net amount", "$10.00", "Tax", "$1.90", "Total paid (USD)", "$11.90"):
        assert part in paper
    made = refund(purchase, 595)
    note = issue_credit_note(Refund.objects.get(pk=made.pk))
    paper = text_of(file_of(note).content)
    for part in ("Net amount", "$5.00", "Tax", "$0.95", "$5.95"):
        assert part in paper
    # A number that was issued keeps its tax, whatever comes of earlier refunds.
    assert note.tax_minor == 95
    (bought,) = rows(purchases_csv(Purchase.objects.all()))
    assert [bought[name] for name in ("price", "paid", "tax", "tax_is")] == [
        "10.00",
        "11.90",
        "1.90",
        "exclusive",
    ]
    (returned,) = rows(refunds_csv(Refund.objects.all()))
    assert (returned["amount"], returned["tax"]) == ("5.95", "0.95")


def test_a_refund_that_fails_keeps_no_tax(sandbox: Sandbox, ada: User) -> None:
    purchase = pay(sandbox, ada)
    made = refund(purchase, 500)
    sandbox.fail_refund(made.stripe_refund_id)
    sandbox.wait_for_webhooks()
    assert tax_of(Refund.objects.get()) == Money(0, "eur")
    prove()


@settings(max_examples=effort(200, 5000), deadline=None, derandomize="CI" in os.environ)
@example(paid=3, tax=1, parts=[1, 1, 1])
@given(
    paid=st.integers(1, 10**9), tax=st.integers(0, 10**9), parts=st.lists(st.integers(0, 10**9), max_size=6)
)
def test_the_tax_of_all_refunds_adds_up_and_each_is_in_proportion(
    paid: int, tax: int, parts: list[int]
) -> None:
    tax, so_far, taxes = min(tax, paid - 1), 0, []
    for part in [*parts, paid]:
        up_to = min(paid, so_far + part)
        taxes.append(tax_within(tax, paid, up_to) - tax_within(tax, paid, so_far))
        assert taxes[-1] >= 0
        assert abs(taxes[-1] * paid - tax * (up_to - so_far)) <= paid
        so_far = up_to
        assert abs(sum(taxes) * paid - tax * so_far) * 2 <= paid
    assert sum(taxes) == tax
    # A pending refund that Stripe will refuse may exceed what is left.
    assert tax_within(tax, paid, paid + 1 + sum(parts)) == tax


@settings(
    max_examples=effort(3, 60),
    deadline=None,
    derandomize="CI" in os.environ,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@example(price=777, bonus=100, country="DE", currency="usd", parts=[100, 33], disputed=50)
@given(
    price=st.integers(100, 9999),
    bonus=st.sampled_from([0, 250]),
    country=st.sampled_from(["DE", "FR", "US"]),
    currency=st.sampled_from(["eur", "usd"]),
    parts=st.lists(st.integers(1, 400), max_size=3),
    disputed=st.sampled_from([0, 50]),
)
def test_what_is_left_of_the_lots_is_net_paid_less_net_refunded(
    sandbox: Sandbox,
    settings: Any,
    price: int,
    bonus: int,
    country: str,
    currency: str,
    parts: list[int],
    disputed: int,
) -> None:
    empty_tables()
    sandbox.post("/_sandbox/reset")
    settings.TAX, settings.TAX_INCLUSIVE_CURRENCIES = "stripe", ["eur"]
    put_on_sale()
    Package.objects.filter(code="starter").update(price_minor=price, currency=currency, bonus_credits=bonus)
    purchase = pay(sandbox, UserFactory(), country)
    payment, gone = purchase.accepted_payment, 0
    assert payment is not None
    for part in parts:
        amount = min(part, purchase.paid.minor - gone)
        if amount > 0:
            refund_in_dashboard(purchase, amount)
            gone += amount
    if disputed and gone + disputed <= purchase.paid.minor:
        sandbox.dispute(payment.stripe_charge_id, amount=disputed)
        gone += disputed
    sandbox.wait_for_webhooks()
    left = sum(lot.cost_minor * lot.remaining / lot.amount for lot in Lot.objects.filter(promotional=False))
    net, tax_gone = payment.amount_minor - payment.tax_minor, payment.tax_minor * gone / payment.amount_minor
    assert float(left) == pytest.approx(net - (gone - tax_gone), abs=0.001)
    prove()
