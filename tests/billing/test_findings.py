"""What a comparison with Stripe finds is one row for each problem, however often it runs. Refunds and disputes are
compared by amount too.
"""

from __future__ import annotations

import pytest

from accounts.models import User
from billing.purchases.models import Purchase
from billing.reconciliation.models import ReconciliationFinding
from tests.billing.reporting import deliver, kinds, reconcile_now
from tests.returns.asking import refund_in_dashboard
from tests.returns.selling import buy, charge_of
from tests.support.builders import UserFactory, put_on_sale, start
from tests.support.sandbox import Sandbox

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _shop(sandbox: Sandbox) -> None:
    put_on_sale()
    sandbox.hold_webhooks()


@pytest.fixture
def buyer() -> User:
    user: User = UserFactory.create()
    return user


def found() -> list[tuple[str, int, str]]:
    rows = ReconciliationFinding.objects.order_by("id")
    return list(rows.values_list("kind", "times", "state"))


def compare(times: int = 3) -> None:
    for _ in range(times):
        reconcile_now()


def test_a_problem_that_stays_is_one_finding(sandbox: Sandbox, buyer: User) -> None:
    sandbox.pay(start(buyer, "standard").session_id)
    Purchase.objects.update(price_minor=1)
    compare()
    assert found() == [("amount_differs", 3, "waiting")]


@pytest.mark.parametrize("kind", ["refund", "dispute"])
def test_a_refund_or_dispute_of_another_amount_is_one_finding(
    sandbox: Sandbox, buyer: User, kind: str
) -> None:
    purchase = buy(sandbox, buyer)
    if kind == "refund":
        refund_in_dashboard(purchase, 900)
    else:
        sandbox.dispute(charge_of(sandbox, purchase), amount=900)
    deliver(sandbox)
    change_at_stripe(sandbox, kind, 100)
    compare()

    row = ReconciliationFinding.objects.get()
    assert found() == [("return_amount_differs", 3, "waiting")]
    assert row.detail.endswith("900 usd here, 100 usd in Stripe (minor units)")
    assert row.purchase_id == purchase.pk


def change_at_stripe(sandbox: Sandbox, kind: str, amount: int) -> None:
    for row in sandbox.objects(kind):
        sandbox.change_object(kind, row["id"], {"amount": amount})


def test_two_problems_of_one_purchase_are_two_findings(sandbox: Sandbox, buyer: User) -> None:
    purchase = buy(sandbox, buyer)
    for amount in (900, 1000):
        refund_in_dashboard(purchase, amount)
    deliver(sandbox)
    change_at_stripe(sandbox, "refund", 100)
    compare(2)
    assert found() == [("return_amount_differs", 2, "waiting")] * 2


def test_what_staff_settled_and_is_found_again_is_a_new_finding(sandbox: Sandbox, buyer: User) -> None:
    sandbox.pay(start(buyer, "standard").session_id)
    Purchase.objects.update(price_minor=1)
    compare(2)
    ReconciliationFinding.objects.update(state="settled", settled_at="2026-01-01T00:00Z")
    compare(1)
    assert found() == [("amount_differs", 2, "settled"), ("amount_differs", 1, "waiting")]


def test_nothing_is_found_where_nothing_is_wrong(sandbox: Sandbox, buyer: User) -> None:
    purchase = buy(sandbox, buyer)
    refund_in_dashboard(purchase, 900)
    deliver(sandbox)
    assert kinds(reconcile_now().open) == []
    assert found() == []
