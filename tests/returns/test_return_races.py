"""Two refunds at once, and one who spends meanwhile; each beside a control that shows the race."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from threading import Barrier
from uuid import UUID

import pytest

from billing.purchases.models import Purchase
from billing.refunds import refunding as refunds
from billing.refunds.models import Refund
from core.errors import DomainError
from credits.ledger import operations as ledger
from credits.ledger.models import Account, Clawback
from tests.billing.reporting import deliver
from tests.returns.asking import refund
from tests.returns.selling import balance, charge_of, fresh
from tests.support.racing import at_once
from tests.support.sandbox import Sandbox

pytestmark = pytest.mark.django_db(transaction=True)


def trying(call: Callable[[], object]) -> Callable[[], str]:
    """What came of it, as a word."""

    def run() -> str:
        try:
            call()
        except DomainError as error:
            return error.code
        return "done"

    return run


def refunded_at_stripe(sandbox: Sandbox) -> int:
    return sum(row["amount"] for row in sandbox.objects("refund"))


def test_of_two_whole_refunds_at_once_one_is_made(sandbox: Sandbox, purchase: Purchase) -> None:
    outcomes = at_once(*[trying(lambda: refund(purchase, 4500)) for _ in range(4)])

    assert sorted(outcomes) == ["done", "not_refundable", "not_refundable", "not_refundable"]
    assert (refunded_at_stripe(sandbox), balance(purchase), fresh(purchase).refunded_minor) == (4500, 0, 4500)


def test_without_the_purchases_lock_both_believe_that_all_is_left(
    sandbox: Sandbox, purchase: Purchase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control: twice the whole is asked for, and only Stripe refuses the second."""
    met = Barrier(2, timeout=10)

    def look_only(purchase_id: UUID) -> Purchase:
        found = Purchase.objects.get(pk=purchase_id)
        met.wait()
        return found

    for _ in range(10):
        sandbox.fault(method="POST", path="/v1/refunds", status=None)
    with monkeypatch.context() as patched:
        patched.setattr(refunds, "lock_purchase", look_only)
        outcomes = at_once(*[trying(lambda: refund(purchase, 4500)) for _ in range(2)])
    assert outcomes == ["done", "done"]
    assert sum(Refund.objects.values_list("amount_minor", flat=True)) == 9000

    sandbox.delete("/_sandbox/faults")
    issued = [refunds.issue_refund(made.pk).status for made in Refund.objects.all()]
    assert sorted(issued) == ["failed", "succeeded"]


def test_a_refund_and_a_spend_at_once_never_use_the_same_credits(purchase: Purchase) -> None:
    def spend_all() -> object:
        return ledger.spend(purchase.account_id, Decimal(5000), key="job")

    spent, refunded = at_once(
        trying(spend_all), trying(lambda: refund(purchase, 4500, policy=Refund.Policy.BLOCK))
    )

    assert sorted([spent, refunded]) in (["credits_were_spent", "done"], ["done", "insufficient_credits"])
    assert Account.objects.get(pk=purchase.account_id).balance == 0


def test_a_refund_and_a_dispute_at_once_take_the_credits_once(sandbox: Sandbox, purchase: Purchase) -> None:
    sandbox.dispute(charge_of(sandbox, purchase))
    at_once(trying(lambda: refund(purchase, 4500)), trying(lambda: deliver(sandbox, concurrency=4)))
    deliver(sandbox)

    taken = sum(Clawback.objects.values_list("taken", flat=True))
    assert (taken, balance(purchase), fresh(purchase).status) == (5000, 0, "disputed")
