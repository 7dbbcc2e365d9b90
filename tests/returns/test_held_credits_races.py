"""Money that goes back beside a hold's end, and a debt that arises beside a spend. Each has a control that takes the
account's lock away and shows what it holds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from accounts.models import User
from billing.purchases.log import lock_purchase
from billing.purchases.models import Payment, Purchase
from billing.refunds import disputes
from billing.refunds import refunding as refunds
from billing.refunds.reversals import Cause, apply_reversals
from credits.errors import InsufficientCredits
from credits.ledger.models import Entry
from credits.proof.checking import find_violations
from tests.billing.database_faults import rewritten_functions
from tests.credits.builders import hold
from tests.returns.asking import refund
from tests.returns.holding import (
    End,
    GiveBack,
    account_of,
    available,
    capture_a_part,
    charge_back,
    claimed_back,
    refund_at_stripe,
    refund_unanswered,
    release,
)
from tests.returns.selling import buy, fresh, spend
from tests.support.racing import cross
from tests.support.sandbox import Sandbox

pytestmark = pytest.mark.django_db(transaction=True)

Status = Purchase.Status


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
    assert (claimed_back(purchase), available(purchase)) == ((5000 - used, 0, 0, used), 0)


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
