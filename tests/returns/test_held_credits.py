"""Credits that a hold has set aside when their money goes back: they are taken when it ends, however it ends."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from accounts.models import User
from billing.purchases.models import Purchase
from credits.ledger import operations as ledger
from credits.ledger.holds import HeldCredits
from credits.ledger.models import Lot
from tests.billing.reporting import deliver
from tests.credits.builders import hold, let_hold_run_out
from tests.returns.holding import (
    End,
    GiveBack,
    account_of,
    available,
    capture_a_part,
    capture_a_part_and_run_out,
    capture_all,
    charge_back,
    charge_back_for_good,
    claimed_back,
    refund_at_stripe,
    refund_here,
    release,
    run_out,
)
from tests.returns.selling import buy, fresh
from tests.support.builders import UserFactory, start
from tests.support.sandbox import Sandbox

pytestmark = pytest.mark.django_db(transaction=True)

Status = Purchase.Status
give_backs = pytest.mark.parametrize("give_back", [refund_here, refund_at_stripe, charge_back])


@pytest.fixture(params=["cap", "debt"])
def policy(request: pytest.FixtureRequest, settings: Any) -> str:
    settings.REFUND_POLICY = settings.DISPUTE_POLICY = request.param
    return str(request.param)


def take_back(sandbox: Sandbox, returned: str) -> None:
    """The refund fails, or the bank decides for us."""
    if returned.startswith("re_"):
        sandbox.fail_refund(returned)
    else:
        sandbox.close_dispute(returned, "won")
    deliver(sandbox)


SOME_ENDS: list[End] = [release, capture_a_part, capture_all]
ALL_ENDS: list[End] = [*SOME_ENDS, run_out, capture_a_part_and_run_out]


def held_for(ends: list[End], sandbox: Sandbox, amount: int) -> Iterator[tuple[End, Purchase, HeldCredits]]:
    """For each way to end: a purchase of 5,000 credits by a buyer of its own, with so many set aside."""
    started = [start(UserFactory.create(), "standard") for _ in ends]
    for each in started:
        sandbox.pay(each.session_id)
    deliver(sandbox, types=["checkout.session.completed"])
    sandbox.post("/_sandbox/webhooks/drop")
    for end, each in zip(ends, started, strict=True):
        yield end, fresh(each.purchase), hold(account_of(each.purchase), amount)


def stands(purchase: Purchase) -> tuple[Any, ...]:
    """Its status, and what its buyer has: available, set aside, owed."""
    account = account_of(purchase)
    return fresh(purchase).status, available(purchase), account.held, account.debt


# --- One after the other ------------------------------------------------------------------------------------

# What the purchase is then, and whether what was spent may be owed: not while a bank has not decided.
OUTCOMES = {
    refund_here: (Status.REFUNDED, True),
    refund_at_stripe: (Status.REFUNDED, True),
    charge_back: (Status.DISPUTED, False),
    charge_back_for_good: (Status.DISPUTED, True),
}


@pytest.mark.parametrize("give_back", OUTCOMES)
def test_what_was_set_aside_is_taken_however_the_hold_ends(
    sandbox: Sandbox, policy: str, give_back: GiveBack
) -> None:
    status, may_be_owed = OUTCOMES[give_back]
    for end, purchase, held in held_for(ALL_ENDS, sandbox, 5000):
        give_back(sandbox, purchase)
        assert (claimed_back(purchase), stands(purchase)) == ((0, 5000, 0, 0), (status, 0, 5000, 0))

        used = end(held)

        owed = used if may_be_owed and policy == "debt" else 0
        assert claimed_back(purchase) == (5000 - used, 0, owed, used - owed), end
        assert stands(purchase) == (status, 0, 0, owed), end


@give_backs
def test_no_more_becomes_free_than_is_still_paid_for(
    sandbox: Sandbox, policy: str, give_back: GiveBack
) -> None:
    """Of 5,000 credits 4,000 are set aside when half of the money goes back: 1,000 are taken, 1,500 later."""
    for end, purchase, held in held_for(SOME_ENDS, sandbox, 4000):
        give_back(sandbox, purchase, 2250)
        assert (claimed_back(purchase), available(purchase)) == ((1000, 1500, 0, 0), 0)

        used = end(held)

        taken = min(2500, 5000 - used)
        owed = 2500 - taken if policy == "debt" and give_back is not charge_back else 0
        assert claimed_back(purchase) == (taken, 0, owed, 2500 - taken - owed), end
        assert (available(purchase), account_of(purchase).debt) == (5000 - used - taken, owed), end


@give_backs
def test_what_a_hold_gives_back_when_its_time_has_passed_is_so_before_its_job_has_run(
    sandbox: Sandbox, purchase: Purchase, give_back: GiveBack
) -> None:
    held = hold(account_of(purchase), 4000)
    give_back(sandbox, purchase, 2250)
    let_hold_run_out(held)
    before = available(purchase)
    ledger.expire_holds()
    assert (before, available(purchase)) == (2500, 2500)


@pytest.mark.parametrize("is_early", [True, False], ids=["while it is open", "after it has ended"])
@give_backs
def test_money_that_comes_back_leaves_the_credits_to_their_owner(
    sandbox: Sandbox, settings: Any, give_back: GiveBack, is_early: bool
) -> None:
    settings.REFUND_POLICY = "debt"
    for end, purchase, held in held_for(SOME_ENDS, sandbox, 5000):
        returned = give_back(sandbox, purchase)
        if is_early:
            take_back(sandbox, returned)
            used = end(held)
        else:
            used = end(held)
            take_back(sandbox, returned)
        assert stands(purchase) == (Status.COMPLETED, 5000 - used, 0, 0), end
        assert Lot.objects.get(payment__purchase=purchase).remaining == 5000 - used, end


def test_of_two_holds_each_gives_up_what_it_kept(sandbox: Sandbox, purchase: Purchase) -> None:
    first, second = (hold(account_of(purchase), amount, key=f"job {amount}") for amount in (2000, 3000))
    refund_here(sandbox, purchase)
    release(first)
    assert (claimed_back(purchase), stands(purchase)[1:]) == ((2000, 3000, 0, 0), (0, 3000, 0))
    capture_a_part(second)
    assert (claimed_back(purchase), stands(purchase)[1:]) == ((3500, 0, 0, 1500), (0, 0, 0))


def test_a_hold_over_two_purchases_gives_the_other_ones_credits_back(
    sandbox: Sandbox, buyer: User, purchase: Purchase
) -> None:
    other = buy(sandbox, buyer)
    held = hold(account_of(purchase), 7000)
    refund_at_stripe(sandbox, other)
    assert (claimed_back(other), available(purchase)) == ((3000, 2000, 0, 0), 0)
    release(held)
    assert (claimed_back(other), available(purchase)) == ((5000, 0, 0, 0), 5000)
