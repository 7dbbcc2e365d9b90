"""`ledger.reverse`: credits are taken back from the very lot that brought them."""

from __future__ import annotations

import uuid
from decimal import Decimal
from typing import Any

import pytest

from credits import ledger
from credits.errors import InvalidAmount, KeyConflict, NothingToReverse, UnknownLot
from credits.ledger import Policy
from credits.models import Account, Entry, Movement
from credits.proof import find_violations
from credits.results import Reversal
from tests.credits.builders import (
    funded,
    grant,
    hold,
    left,
    let_hold_run_out,
    let_lot_expire,
    numbers,
    open_account,
    spend,
)

pytestmark = pytest.mark.django_db

POLICIES: list[Policy] = ["cap", "debt", "block"]


@pytest.fixture(autouse=True)
def books_are_whole_at_the_end(db: None) -> Any:
    yield
    assert list(find_violations()) == []


def take_back(account: Account, amount: str | int, *, lot: int | None = None, **arguments: Any) -> Reversal:
    """From the account's first lot, unless told another."""
    arguments = {"key": "refund:1", "policy": "cap", "kind": Entry.Kind.REFUND, **arguments}
    lot_id = account.lots.earliest("id").pk if lot is None else lot
    return ledger.reverse(account.pk, lot_id, Decimal(amount), **arguments)


@pytest.mark.parametrize("policy", POLICIES)
def test_what_the_lot_has_left_is_taken_back_and_no_other_lot_is_touched(policy: Policy) -> None:
    account = open_account()
    grant(account, 10, key="first")
    bought = grant(account, 20, key="second").lot_id

    back = take_back(account, "15.000001", lot=bought, policy=policy, reference="refund 7")

    entry = Entry.objects.latest("id")
    assert back == Reversal(entry.pk, Decimal("15.000001"), Decimal(0), Decimal("14.999999"), repeated=False)
    assert entry.movements == [Movement(bought, Decimal("-15.000001"))]
    assert (entry.kind, entry.reference, entry.metadata) == (
        "refund",
        "refund 7",
        {"lot": bought, "policy": policy, "asked": "15.000001"},
    )
    assert left(account) == [10, Decimal("4.999999")]


def test_capped_what_was_spent_stays_with_the_owner() -> None:
    account = funded(10)
    spend(account, 7)
    assert take_back(account, 10).taken == 3
    assert numbers(account) == (0, 0, 0)
    assert take_back(account, 10, key="refund:2") == Reversal(
        None, Decimal(0), Decimal(0), Decimal(0), repeated=False
    )
    assert Entry.objects.count() == 3


def test_what_was_spent_is_owed_where_the_policy_says_debt() -> None:
    account = funded(10)
    grant(account, 2, key="more")
    spend(account, 7)
    back = take_back(account, 10, policy="debt")
    assert (back.taken, back.owed, back.balance_after) == (Decimal(3), Decimal(7), Decimal(-5))
    assert numbers(account) == (-5, 0, 7)
    assert left(account) == [0, 2]


def test_an_empty_lot_is_owed_whole() -> None:
    account = funded(10)
    spend(account, 10)
    assert take_back(account, 10, policy="debt").owed == 10
    assert grant(account, 25, key="more").balance_after == 15
    assert left(account) == [0, 15]


def test_what_was_spent_blocks_the_whole_where_the_policy_says_so() -> None:
    account = funded(10)
    spend(account, 7)
    with pytest.raises(NothingToReverse) as refusal:
        take_back(account, "3.000001", policy="block")
    assert refusal.value.params["missing"] == "0.000001"
    assert numbers(account) == (3, 0, 0)
    assert take_back(account, 3, policy="block").taken == 3


def test_what_a_hold_has_pinned_is_not_taken_back() -> None:
    account = funded(10)
    held = hold(account, 7)
    assert take_back(account, 10).taken == 3
    assert numbers(account) == (7, 7, 0)
    assert ledger.capture(held.id, Decimal(7), key="work").balance_after == 0


def test_what_a_hold_that_ran_out_had_pinned_is_taken_back() -> None:
    account = funded(10)
    let_hold_run_out(hold(account, 7))
    assert take_back(account, 10).taken == 10


def test_what_is_left_of_an_expired_lot_is_taken_back() -> None:
    account = funded(10)
    let_lot_expire(account.lots.get().pk)
    assert take_back(account, 10).taken == 10


@pytest.mark.parametrize("policy", POLICIES)
def test_a_repeat_takes_nothing_more(policy: Policy) -> None:
    account = funded(10)
    first = take_back(account, 6, policy=policy)
    assert take_back(account, 6, policy=policy) == Reversal(
        first.entry_id, Decimal(6), Decimal(0), Decimal(4), repeated=True
    )
    assert numbers(account) == (4, 0, 0)


def test_a_repeat_says_what_was_owed() -> None:
    account = funded(10)
    spend(account, 8)
    take_back(account, 10, policy="debt")
    back = take_back(account, 10, policy="debt")
    assert (back.taken, back.owed, back.repeated) == (Decimal(2), Decimal(8), True)


@pytest.mark.parametrize(
    "other",
    [
        {"amount": 5},
        {"policy": "debt"},
        {"kind": Entry.Kind.DISPUTE},
        {"reference": "r"},
        {"metadata": {"a": 1}},
        {"key": "funds"},
    ],
    ids=str,
)
def test_a_key_that_stands_for_something_else_is_a_conflict(other: dict[str, Any]) -> None:
    account = funded(10)
    arguments: dict[str, Any] = {"amount": 6, "key": "refund:1"}
    take_back(account, **arguments)
    with pytest.raises(KeyConflict):
        take_back(account, **{**arguments, **other})
    assert numbers(account) == (4, 0, 0)


def test_another_lot_under_the_same_key_is_a_conflict() -> None:
    account = funded(10)
    other = grant(account, 10, key="other").lot_id
    take_back(account, 6)
    with pytest.raises(KeyConflict):
        take_back(account, 6, lot=other)


def test_a_lot_of_another_account_or_of_none_is_refused() -> None:
    account, other = funded(10), funded(10)
    for somebody, lot in (
        (account, other.lots.get().pk),
        (account, 0),
        (Account(id=uuid.uuid4()), other.lots.get().pk),
    ):
        with pytest.raises(UnknownLot):
            take_back(somebody, 1, lot=lot)
    assert numbers(other) == (10, 0, 0)


@pytest.mark.parametrize("amount", ["NaN", "0", "-1", "1.0000001", "1E+30"])
def test_no_valid_amount_is_refused(amount: str) -> None:
    with pytest.raises(InvalidAmount):
        take_back(funded(10), amount)
