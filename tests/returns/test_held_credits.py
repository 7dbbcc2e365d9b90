"""Credits that a hold has set aside when their money goes back: they are taken when it ends, however it ends.

Then the same at the same moment: money that goes back beside a hold's end, and a debt that arises beside a
spend. Each has a control that takes the account's lock away and shows what it holds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from functools import partial
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.db import IntegrityError, transaction

from accounts.models import User
from billing.purchases.log import lock_purchase
from billing.purchases.models import Payment, Purchase
from billing.refunds import disputes
from billing.refunds import refunding as refunds
from billing.refunds.reversals import Cause, apply_reversals
from credits.errors import InsufficientCredits
from credits.ledger import operations as ledger
from credits.ledger import selectors
from credits.ledger.holds import HeldCredits
from credits.ledger.models import Account, Clawback, Entry, Lot
from credits.proof.checking import find_violations
from tests.billing.database_faults import rewritten_functions
from tests.billing.reporting import deliver
from tests.credits.builders import hold, let_hold_run_out
from tests.returns.asking import refund, refund_in_dashboard
from tests.returns.selling import buy, charge_of, fresh, spend
from tests.support.builders import UserFactory, start
from tests.support.racing import cross
from tests.support.sandbox import Sandbox

pytestmark = pytest.mark.django_db(transaction=True)

Status = Purchase.Status


# --- How the money goes back. Each gives Stripe's id of what gave it back. ----------------------------------


def refund_here(sandbox: Sandbox, purchase: Purchase, minor: int = 4500) -> str:
    return str(refund(purchase, minor, policy=django_settings.REFUND_POLICY).stripe_refund_id)


def refund_at_stripe(sandbox: Sandbox, purchase: Purchase, minor: int = 4500) -> str:
    made = refund_in_dashboard(purchase, minor)
    deliver(sandbox)
    return made


def refund_unanswered(sandbox: Sandbox, purchase: Purchase) -> str:
    """Asked for here; Stripe's answer would settle it once more."""
    for _ in range(10):
        sandbox.fault(method="POST", path="/v1/refunds", status=None)
    refund(purchase, 4500)
    return ""


def charge_back(sandbox: Sandbox, purchase: Purchase, minor: int = 4500) -> str:
    made = sandbox.dispute(charge_of(sandbox, purchase), amount=minor)
    deliver(sandbox)
    return str(made["id"])


def charge_back_for_good(sandbox: Sandbox, purchase: Purchase, minor: int = 4500) -> str:
    made = charge_back(sandbox, purchase, minor)
    sandbox.close_dispute(made, "lost")
    deliver(sandbox)
    return made


GiveBack = Callable[..., str]
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


# --- How a hold ends. Each gives how many credits were captured. --------------------------------------------


def release(held: HeldCredits) -> int:
    ledger.release(held.account_id, held.id)
    return 0


def run_out(held: HeldCredits) -> int:
    let_hold_run_out(held)
    assert ledger.expire_holds() == 1
    return 0


def capture_a_part(held: HeldCredits) -> int:
    ledger.capture(held.account_id, held.id, Decimal(1500), key="work")
    return 1500


def capture_a_part_and_run_out(held: HeldCredits) -> int:
    ledger.capture(held.account_id, held.id, Decimal(1500), key="work", close=False)
    return 1500 + run_out(held)


def capture_all(held: HeldCredits) -> int:
    ledger.capture(held.account_id, held.id, held.amount, key="work")
    return int(held.amount)


End = Callable[[HeldCredits], int]
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


def account_of(purchase: Purchase) -> Account:
    return Account.objects.get(pk=purchase.account_id)


def came(purchase: Purchase) -> tuple[Any, ...]:
    """Of the credits claimed back: taken, pending, owed, waived."""
    row = Clawback.objects.get(account=purchase.account_id)
    return row.taken, row.pending, row.owed, row.waived


def available(purchase: Purchase) -> Any:
    """Untyped: it is compared with plain numbers."""
    return selectors.find_balance(purchase.account_id).available


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
        assert (came(purchase), stands(purchase)) == ((0, 5000, 0, 0), (status, 0, 5000, 0))

        used = end(held)

        owed = used if may_be_owed and policy == "debt" else 0
        assert came(purchase) == (5000 - used, 0, owed, used - owed), end
        assert stands(purchase) == (status, 0, 0, owed), end


@give_backs
def test_no_more_becomes_free_than_is_still_paid_for(
    sandbox: Sandbox, policy: str, give_back: GiveBack
) -> None:
    """Of 5,000 credits 4,000 are set aside when half of the money goes back: 1,000 are taken, 1,500 later."""
    for end, purchase, held in held_for(SOME_ENDS, sandbox, 4000):
        give_back(sandbox, purchase, 2250)
        assert (came(purchase), available(purchase)) == ((1000, 1500, 0, 0), 0)

        used = end(held)

        taken = min(2500, 5000 - used)
        owed = 2500 - taken if policy == "debt" and give_back is not charge_back else 0
        assert came(purchase) == (taken, 0, owed, 2500 - taken - owed), end
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
    assert (came(purchase), stands(purchase)[1:]) == ((2000, 3000, 0, 0), (0, 3000, 0))
    capture_a_part(second)
    assert (came(purchase), stands(purchase)[1:]) == ((3500, 0, 0, 1500), (0, 0, 0))


def test_a_hold_over_two_purchases_gives_the_other_ones_credits_back(
    sandbox: Sandbox, buyer: User, purchase: Purchase
) -> None:
    other = buy(sandbox, buyer)
    held = hold(account_of(purchase), 7000)
    refund_at_stripe(sandbox, other)
    assert (came(other), available(purchase)) == ((3000, 2000, 0, 0), 0)
    release(held)
    assert (came(other), available(purchase)) == ((5000, 0, 0, 0), 5000)


# --- Money that goes back beside a hold's end, and the control ----------------------------------------------

# What the end of a hold and a clawback lock before they look.
LOCKED = ("credits_release", "credits_capture", "credits_claw_back", "credits_expire_lots_of")


@pytest.fixture
def no_account_locks() -> Iterator[None]:
    with rewritten_functions("FOR NO KEY UPDATE", "", *LOCKED):
        yield


@pytest.fixture(params=["the money", "the hold"])
def cross_with(
    request: pytest.FixtureRequest, sandbox: Sandbox, purchase: Purchase, monkeypatch: pytest.MonkeyPatch
) -> Callable[[GiveBack, End], None]:
    """All is written of the one, and not committed, when the other begins."""
    held = hold(account_of(purchase), 5000)

    def run(give_back: GiveBack, end: End) -> None:
        def give_back_slowly(dawdle: Callable[[], None]) -> None:
            with monkeypatch.context() as patched:
                dawdle_before_the_commit(patched, dawdle)
                give_back(sandbox, purchase)

        def end_slowly(dawdle: Callable[[], None]) -> None:
            with transaction.atomic():
                end(held)
                dawdle()

        if request.param == "the money":
            cross(give_back_slowly, lambda: end(held))
        else:
            cross(end_slowly, lambda: give_back(sandbox, purchase))

    return run


def dawdle_before_the_commit(monkeypatch: pytest.MonkeyPatch, dawdle: Callable[[], None]) -> None:
    """Whoever records a refund or a dispute has done all but commit it."""
    for module in (refunds, disputes):

        def last_step(*facts: Any, last: Any = module.update_attention_of, **more: Any) -> None:
            last(*facts, **more)
            dawdle()

        monkeypatch.setattr(module, "update_attention_of", last_step)


crossings = pytest.mark.parametrize(
    ("give_back", "end"),
    [(refund_unanswered, release), (refund_at_stripe, release), (charge_back, capture_a_part)],
)


@crossings
def test_money_that_goes_back_while_a_hold_ends_takes_what_it_sets_free(
    purchase: Purchase, cross_with: Any, give_back: GiveBack, end: End
) -> None:
    cross_with(give_back, end)
    used = 0 if end is release else 1500
    assert (came(purchase), available(purchase)) == ((5000 - used, 0, 0, used), 0)


@crossings
def test_without_the_lock_what_a_hold_sets_free_meanwhile_stays_free(
    purchase: Purchase, no_account_locks: None, cross_with: Any, give_back: GiveBack, end: End
) -> None:
    """The control; and `check_ledger` finds it."""
    cross_with(give_back, end)
    free = available(purchase)
    found = {violation.invariant for violation in find_violations()}
    settle_once_more(purchase)

    assert free == (5000 if end is release else 3500)
    assert {"nobody_keeps_both_money_and_credits", "clawbacks_come_to_what_stands"} <= found
    assert available(purchase) == 0


def settle_once_more(purchase: Purchase) -> None:
    with transaction.atomic():
        payment = Payment.objects.get(purchase=purchase)
        payment.purchase = lock_purchase(purchase.pk)
        apply_reversals(payment, Cause(Entry.Kind.REFUND))


# --- A debt that arises beside a spend, and the control -----------------------------------------------------


@pytest.fixture(params=["its own", "another's"])
def owing(request: pytest.FixtureRequest, sandbox: Sandbox, buyer: User, purchase: Purchase) -> Purchase:
    """A purchase to refund. The last 1,000 credits of its buyer are its own, or another's."""
    spend(purchase, 4000, "before")
    if request.param == "another's":
        buy(sandbox, buyer)
        spend(purchase, 5000, "before too")
    return purchase


def refund_to_owe(purchase: Purchase) -> None:
    refund(purchase, 4500, policy="debt")


def spend_the_last(purchase: Purchase) -> str:
    try:
        spend(purchase, 1000, "the last")
    except InsufficientCredits as refused:
        return refused.code
    return "spent"


def spend_the_last_slowly(purchase: Purchase, dawdle: Callable[[], None]) -> str:
    with transaction.atomic():
        outcome = spend_the_last(purchase)
        dawdle()
    return outcome


def refund_slowly(purchase: Purchase, monkeypatch: pytest.MonkeyPatch, dawdle: Callable[[], None]) -> None:
    with monkeypatch.context() as patched:
        dawdle_before_the_commit(patched, dawdle)
        refund_to_owe(purchase)


def owes(purchase: Purchase) -> Any:
    account = account_of(purchase)
    return account.debt, available(purchase)


def test_what_pays_a_debt_off_is_not_spent_meanwhile(
    owing: Purchase, monkeypatch: pytest.MonkeyPatch
) -> None:
    outcomes = cross(partial(refund_slowly, owing, monkeypatch), partial(spend_the_last, owing))
    assert (outcomes, owes(owing)) == ([None, "insufficient_credits"], (4000, 0))


def test_what_is_being_spent_pays_no_debt_off(owing: Purchase) -> None:
    outcomes = cross(partial(spend_the_last_slowly, owing), partial(refund_to_owe, owing))
    assert (outcomes, owes(owing)) == (["spent", None], (5000, 0))


LOOKS = "AND a.balance - a.held >="
LOOKED_BEFORE = "AND (SELECT b.balance - b.held FROM credits_account b WHERE b.id = p_account) >="


def test_a_spend_that_looks_before_it_locks_meets_the_databases_guard(
    owing: Purchase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control: it takes what it saw, though that has paid off a debt meanwhile."""
    with (
        rewritten_functions(LOOKS, LOOKED_BEFORE, "credits_spend"),
        pytest.raises(IntegrityError, match="credits_account_no_overdraft"),
    ):
        cross(partial(refund_slowly, owing, monkeypatch), partial(spend_the_last, owing))
    assert owes(owing) == (4000, 0)


@pytest.mark.parametrize("owing", ["its own"], indirect=True)
def test_a_refund_that_looks_before_it_locks_meets_the_databases_guard(
    owing: Purchase, no_account_locks: None
) -> None:
    """The control of the other order: it takes from its lot what it saw there."""
    with pytest.raises(IntegrityError, match="credits_account_no_overdraft"):
        cross(partial(spend_the_last_slowly, owing), partial(refund_to_owe, owing))
    assert (fresh(owing).status, owes(owing)) == (Status.COMPLETED, (0, 0))
