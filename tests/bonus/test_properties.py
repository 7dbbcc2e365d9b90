"""Whatever is refunded and disputed of packs with a bonus, in whatever order: the money left pays for the credits left,
the bonus goes back first, and what was previewed happens.
"""

from __future__ import annotations

import os
from decimal import Decimal
from io import StringIO

import pytest
from django.core.management import call_command
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from billing.errors import BillingError
from billing.purchases.models import Payment
from billing.refunds.claims import credits_for
from billing.refunds.refundable import left_to_refund
from billing.refunds.refunding import preview_refund
from billing.refunds.reversals import standing_reversals
from billing.reporting.balance import unbalanced_currencies
from billing.reporting.daily_figures import bring_figures_up_to_date
from credits.ledger.models import Clawback
from credits.proof.checking import find_violations
from tests.returns.asking import refund
from tests.returns.world import STEPS, World
from tests.support.effort import effort
from tests.support.emptying import empty_tables
from tests.support.sandbox import Sandbox

ROUNDING = Decimal("0.000002")
# Of the steps, those after which the bonus or its claims may differ.
NAMES = [
    "spend", "hold", "release", "give", "let_expire", "refund_a_part", "refund_the_rest", "refund_at_stripe",
    "fail_a_refund", "dispute", "decide", "deliver", "buy_again", "refund_and_lose_the_answer", "sweep",
]  # fmt: skip
STORIES = st.lists(st.tuples(st.sampled_from(NAMES), st.integers(0, 5)), min_size=3, max_size=12)


def check() -> None:
    for payment in Payment.objects.filter(lot__isnull=False).select_related("purchase"):
        bought, bonus = claimed(payment)
        purchase, back = payment.purchase, returned(payment)
        share = min(Decimal(1), Decimal(back) / purchase.paid.minor)
        assert abs(bought - purchase.credits * share) <= ROUNDING, (
            "its share of the price, no more and no less"
        )
        assert bonus == (purchase.bonus_credits if back else 0), "all of it, first"
        assert bought + bonus == credits_for(purchase, back)


def claimed(payment: Payment) -> tuple[Decimal, Decimal]:
    """Of the credits bought, and of the bonus."""
    grants = payment.purchase.scheduled_grants.order_by("position")
    of_each = [
        sum(Clawback.objects.filter(lot=each.lot_id).values_list("amount", flat=True)) for each in grants
    ]
    return Decimal(of_each[0]), Decimal(of_each[1])


def returned(payment: Payment) -> int:
    refunds, disputes = standing_reversals(payment)
    return sum(each.counted_minor or 0 for each in refunds) + sum(
        each.counted_minor or 0 for each in disputes
    )


def what_is_previewed_happens(payment: Payment) -> None:
    """Refund the unspent share, or what is left, and compare."""
    purchase = payment.purchase
    if not left_to_refund(purchase).minor:
        return
    shown = preview_refund(purchase)
    if not shown.amount.minor:
        shown = preview_refund(purchase, left_to_refund(purchase).minor)
    before, taken = sum(claimed(payment)), totals(payment, "taken")
    try:
        refund(purchase, shown.amount.minor)
    except BillingError:
        return  # Stripe keeps to its own rules: it refuses a disputed payment, say
    assert sum(claimed(payment)) - before == shown.credits_asked
    assert totals(payment, "taken") - taken == shown.credits_taken


def totals(payment: Payment, name: str) -> Decimal:
    lots = [lot.pk for lot in payment.purchase.lots]
    return sum(Clawback.objects.filter(lot__in=lots).values_list(name, flat=True), Decimal(0))


@pytest.mark.django_db(transaction=True)
@settings(
    max_examples=effort(2, 100),
    deadline=None,
    derandomize="CI" in os.environ,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@example(
    price=1000, bonus=1, story=[("deliver", 0), ("spend", 0), ("refund_a_part", 0), ("fail_a_refund", 0)]
)
@example(
    price=777,
    bonus=9000,
    story=[("deliver", 0), ("dispute", 1), ("deliver", 0), ("decide", 1), ("deliver", 0)],
)
@example(
    price=4500,
    bonus=500,
    story=[("refund_at_stripe", 1), ("dispute", 2), ("deliver", 2), ("decide", 0), ("refund_at_stripe", 2)],
)
@given(price=st.integers(500, 9999), bonus=st.integers(1, 9999), story=STORIES)
def test_the_bonus_goes_first_and_the_rest_by_the_share(
    sandbox: Sandbox, price: int, bonus: int, story: list[tuple[str, int]]
) -> None:
    empty_tables()
    world = World(sandbox, price_minor=price, bonus_credits=bonus)
    for name, number in story:
        STEPS[name](world, number)
        check()
    assert list(find_violations()) == []
    world.come_to_rest()
    check()
    for payment in Payment.objects.filter(lot__isnull=False).select_related("purchase"):
        what_is_previewed_happens(payment)
    world.come_to_rest()
    check()
    assert list(find_violations()) == []
    bring_figures_up_to_date()
    assert list(unbalanced_currencies()) == []
    call_command("rebuild_figures", "--check", stdout=StringIO())
