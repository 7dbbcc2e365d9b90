"""Captures: in part or whole, more than was held, and once however often they are asked for."""

from __future__ import annotations

import uuid
from decimal import Decimal
from typing import Any

import pytest

from credits.errors import HoldClosed, InsufficientCredits, KeyConflict, UnknownHold
from credits.ledger import operations as ledger
from credits.ledger.models import Entry, Hold, Movement
from credits.ledger.results import Capture
from tests.credits.builders import (
    capture,
    funded,
    grant,
    hold,
    left,
    let_hold_run_out,
    let_lot_expire,
    numbers,
    open_account,
    soon,
    spend,
)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("books_are_whole_at_the_end")]


def test_a_capture_spends_what_the_work_cost_and_gives_back_the_rest() -> None:
    account = funded(100)
    held = hold(account, 30, reference="job 7")

    made = capture(held, "12.5", metadata={"tokens": 4000})

    entry = Entry.objects.latest("id")
    assert made == Capture(
        entry.pk,
        2,
        account.pk,
        Decimal("12.5"),
        balance_after=Decimal("87.5"),
        balance=Decimal("87.5"),
        held=Decimal(0),
        hold_remaining=Decimal(0),
        repeated=False,
    )
    assert (entry.kind, entry.amount, entry.reference) == ("spend", Decimal("-12.5"), "job 7")
    assert entry.metadata == {"tokens": 4000, "hold": str(held.id)}
    assert numbers(account) == (Decimal("87.5"), 0, 0)
    row = Hold.objects.get(pk=held.id)
    assert (row.status, row.remaining, row.captured) == ("captured", 0, Decimal("12.5"))
    assert row.closed_at is not None


def test_partial_captures_leave_the_rest_held_until_one_closes() -> None:
    account = open_account()
    first = grant(account, 10, key="first").lot_id
    second = grant(account, 10, key="second").lot_id
    held = hold(account, 15)

    assert capture(held, 4, key="1", close=False).hold_remaining == 11
    assert numbers(account) == (16, 11, 0)
    assert capture(held, 8, key="2", close=False).hold_remaining == 3
    assert Entry.objects.latest("id").movements == [
        Movement(first, Decimal(-6)),
        Movement(second, Decimal(-2)),
    ]
    assert capture(held, 1, key="3").hold_remaining == 0
    assert numbers(account) == (7, 0, 0)
    assert left(account) == [0, 7]
    assert Hold.objects.get(pk=held.id).captured == 13


def test_a_capture_of_all_that_leaves_the_hold_open_can_be_released() -> None:
    account = funded(10)
    held = hold(account, 10)
    capture(held, 10, close=False)
    assert Hold.objects.get(pk=held.id).status == "open"
    assert ledger.release(held.account_id, held.id).released == 0


def test_pinned_lots_pay_though_they_expired_before_the_work_was_done() -> None:
    account = funded(10)
    held = hold(account, 8)
    let_lot_expire(account.lots.get().pk)
    assert capture(held, 5).balance_after == 5
    with pytest.raises(InsufficientCredits):
        spend(account, 1)  # what came back to the lot came back too late


@pytest.mark.parametrize("overrun", ["refuse", "debt"])
def test_the_surplus_is_spent_where_the_balance_allows_it(overrun: str) -> None:
    account = open_account()
    grant(account, 10, key="first", expires_at=soon(days=1))
    grant(account, 10, key="second")
    held = hold(account, 5, overrun=overrun)
    made = capture(held, 12)
    assert (made.balance_after, made.held) == (Decimal(8), Decimal(0))
    assert left(account) == [0, 8]
    assert numbers(account) == (8, 0, 0)
    entry = Entry.objects.latest("id")
    assert (sum(entry.moved), len(set(entry.lots))) == (-12, 2)


def test_a_surplus_that_is_not_there_is_refused_with_the_hold_intact() -> None:
    account = funded(10)
    held = hold(account, 5)
    hold(account, 3, key="another")
    with pytest.raises(InsufficientCredits) as refusal:
        capture(held, "7.000001")
    assert refusal.value.params["missing"] == Decimal("0.000001")
    assert numbers(account) == (10, 8, 0)
    assert Hold.objects.get(pk=held.id).remaining == 5
    assert capture(held, 7).balance_after == 3


def test_a_surplus_that_is_not_there_is_owed_where_the_hold_says_so() -> None:
    account = funded(10)
    held = hold(account, 5, overrun="debt")
    made = capture(held, 25)
    assert made.balance_after == -15
    assert numbers(account) == (-15, 0, 15)
    assert (left(account), Entry.objects.latest("id").owed) == ([0], 15)


def test_a_debt_leaves_what_another_hold_holds_alone() -> None:
    account = funded(10)
    other = hold(account, 4, key="other")
    capture(hold(account, 5, overrun="debt"), 25)
    assert numbers(account) == (-15, 4, 19)
    assert capture(other, 4, key="done:2").balance_after == -19
    assert numbers(account) == (-19, 0, 19)


def test_what_is_owed_is_repaid_by_the_next_grants() -> None:
    account = funded(10)
    capture(hold(account, 10, overrun="debt"), 25)
    assert grant(account, 9, key="first").balance_after == -6
    assert numbers(account) == (-6, 0, 6)
    assert grant(account, 10, key="second").balance_after == 4
    assert numbers(account) == (4, 0, 0)
    assert left(account) == [0, 0, 4]
    with pytest.raises(InsufficientCredits):
        spend(account, 5)
    assert grant(account, 9, key="first").repeated


def test_a_surplus_may_use_what_a_hold_that_ran_out_still_keeps() -> None:
    account = funded(10)
    let_hold_run_out(hold(account, 5, key="other"))
    assert capture(hold(account, 5, key="mine"), 10).balance_after == 0


def test_a_repeated_capture_is_the_first_one_though_the_hold_is_closed() -> None:
    account = funded(100)
    held = hold(account, 30)
    first = capture(held, 12)
    spend(account, 1)
    again = capture(held, "12.0")
    assert (again.entry_id, again.balance_after, again.repeated) == (first.entry_id, Decimal(88), True)
    assert numbers(account) == (87, 0, 0)


@pytest.mark.parametrize(
    "other",
    [{"amount": 13}, {"reference": "r"}, {"metadata": {"a": 1}}, {"close": False}, {"key": "funds"}],
    ids=str,
)
def test_a_key_that_stands_for_something_else_is_a_conflict(other: dict[str, Any]) -> None:
    account = funded(100)
    held = hold(account, 30)
    arguments: dict[str, Any] = {"amount": 12, "key": "done:1"}
    capture(held, **arguments)
    with pytest.raises(KeyConflict):
        capture(held, **{**arguments, **other})
    assert numbers(account) == (88, 0, 0)


def test_a_key_of_another_hold_is_a_conflict() -> None:
    account = funded(100)
    capture(hold(account, 30, key="one"), 12)
    with pytest.raises(KeyConflict):
        capture(hold(account, 30, key="two"), 12)


def test_nothing_is_captured_on_a_hold_that_is_closed_or_ran_out_or_is_not_there() -> None:
    account = funded(100)
    captured, released, ran_out = (hold(account, 10, key=key) for key in ("captured", "released", "ran_out"))
    capture(captured, 10, key="1")
    ledger.release(released.account_id, released.id)
    let_hold_run_out(ran_out)
    for held, status in ((captured, "captured"), (released, "released"), (ran_out, "expired")):
        with pytest.raises(HoldClosed) as refusal:
            capture(held, 1, key="2")
        assert refusal.value.params == {"hold": str(held.id), "status": status}
    with pytest.raises(UnknownHold):
        ledger.capture(account.pk, uuid.uuid4(), Decimal(1), key="3")
    with pytest.raises(UnknownHold):
        ledger.capture(open_account().pk, captured.id, Decimal(1), key="3")


def test_large_and_small_amounts_are_captured_exactly() -> None:
    account = funded("999999999999999999.999999")
    made = capture(hold(account, "999999999999999999.999998"), "123456789012345678.900001")
    assert made.balance_after == Decimal("876543210987654321.099998")
