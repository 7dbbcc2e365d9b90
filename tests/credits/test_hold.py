"""Holds: credits set aside, released, run out."""

from __future__ import annotations

import uuid
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from credits.errors import (
    HoldClosed,
    InsufficientCredits,
    InvalidAmount,
    InvalidEntry,
    KeyConflict,
    UnknownAccount,
    UnknownHold,
)
from credits.ledger import operations as ledger
from credits.ledger.holds import LONGEST_HOLD
from credits.ledger.models import Account, Entry, Hold
from credits.ledger.results import Capture, Release
from tests.credits.builders import (
    capture,
    funded,
    grant,
    hold,
    let_hold_run_out,
    let_lot_expire,
    numbers,
    open_account,
    soon,
)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("books_are_whole_at_the_end")]


# --- Holding --------------------------------------------------------------------------------------------------------


def test_a_hold_sets_credits_aside_without_spending_them() -> None:
    account = funded(100)
    held = hold(account, "30.000001", reference="job 7", metadata={"a": 1})
    assert numbers(account) == (100, Decimal("30.000001"), 0)
    assert (held.balance, held.held) == (Decimal(100), Decimal("30.000001"))
    row = Hold.objects.get(pk=held.id)
    assert (row.amount, row.remaining, row.captured, row.status) == (row.remaining, row.amount, 0, "open")
    assert (row.reference, row.metadata) == ("job 7", {"a": 1})
    assert row.expires_at - row.created_at == timedelta(hours=1)
    assert not Entry.objects.filter(kind="spend").exists()


def test_a_hold_pins_the_lots_that_a_spend_would_take() -> None:
    account = open_account()
    late = grant(account, 10, key="late").lot_id
    soon_gone = grant(account, 10, key="soon", expires_at=soon(days=1)).lot_id
    row = Hold.objects.get(pk=hold(account, 15).id)
    assert (row.lots, row.pinned) == ([soon_gone, late], [Decimal(10), Decimal(5)])


@pytest.mark.parametrize("amount", ["70.000001", "1000"])
def test_no_more_is_held_than_can_be_spent(amount: str) -> None:
    account = funded(100)
    hold(account, 30)
    with pytest.raises(InsufficientCredits) as refusal:
        hold(account, amount, key="hold:2")
    assert refusal.value.params["missing"] == Decimal(amount) - 70
    assert numbers(account) == (100, 30, 0)


def test_an_expired_lot_is_not_held_though_the_job_has_not_run() -> None:
    account = funded(10)
    let_lot_expire(account.lots.get().pk)
    with pytest.raises(InsufficientCredits):
        hold(account, 1)


def test_a_hold_that_ran_out_makes_room_for_the_next_though_the_job_has_not_run() -> None:
    account = funded(10)
    let_hold_run_out(hold(account, 8))
    hold(account, 9, key="hold:2")
    assert numbers(account) == (10, 9, 0)


def test_an_unknown_account_holds_nothing() -> None:
    with pytest.raises(UnknownAccount):
        hold(Account(id=uuid.uuid4()), 1)


@pytest.mark.parametrize(
    "lasts", [timedelta(0), timedelta(seconds=-1), LONGEST_HOLD + timedelta(microseconds=1)]
)
def test_a_hold_lasts_above_zero_and_thirty_days_at_most(lasts: timedelta) -> None:
    with pytest.raises(InvalidEntry, match="30 days") as refusal:
        hold(funded(10), 1, expires_in=lasts)
    assert refusal.value.params == {"field": "expires_in"}


@pytest.mark.parametrize("amount", ["NaN", "0", "-1", "1.0000001", "1E+30"])
def test_a_hold_of_no_valid_amount_is_refused(amount: str) -> None:
    with pytest.raises(InvalidAmount):
        hold(funded(10), amount)


def test_a_repeated_hold_is_the_first_one() -> None:
    account = funded(10)
    first = hold(account, 7, metadata={"a": 1})
    again = hold(account, 7, metadata={"a": 1})
    assert (again.id, again.repeated, first.repeated) == (first.id, True, False)
    assert again.expires_at == first.expires_at
    assert numbers(account) == (10, 7, 0)


@pytest.mark.parametrize(
    "other",
    [
        {"amount": 8},
        {"expires_in": timedelta(hours=2)},
        {"overrun": "debt"},
        {"reference": "another"},
        {"metadata": {"a": 2}},
    ],
    ids=str,
)
def test_a_key_that_stands_for_another_hold_is_a_conflict(other: dict[str, Any]) -> None:
    account = funded(100)
    arguments: dict[str, Any] = {"amount": 7, "reference": "r", "metadata": {"a": 1}}
    hold(account, **arguments)
    with pytest.raises(KeyConflict):
        hold(account, **{**arguments, **other})
    assert numbers(account) == (100, 7, 0)


# --- Releasing ------------------------------------------------------------------------------------------------------


def test_a_release_gives_back_what_is_still_held_and_a_second_gives_nothing() -> None:
    account = funded(100)
    held = hold(account, 30)
    capture(held, 12, close=False)
    assert ledger.release(held.account_id, held.id) == Release(
        held.id, account.pk, Decimal(18), Decimal(88), Decimal(0), repeated=False
    )
    assert ledger.release(held.account_id, held.id) == Release(
        held.id, account.pk, Decimal(0), Decimal(88), Decimal(0), repeated=True
    )
    assert numbers(account) == (88, 0, 0)
    assert Hold.objects.get(pk=held.id).status == "released"


def test_what_was_captured_is_not_released() -> None:
    held = hold(funded(100), 30)
    capture(held, 12)
    with pytest.raises(HoldClosed):
        ledger.release(held.account_id, held.id)
    with pytest.raises(UnknownHold):
        ledger.release(held.account_id, uuid.uuid4())
    with pytest.raises(UnknownHold):
        ledger.release(open_account().pk, held.id)


def fail_after(_made: Capture) -> None:
    raise ZeroDivisionError


def test_a_block_that_raises_releases_what_it_held() -> None:
    account = funded(100)
    held = hold(account, 30)
    with pytest.raises(ZeroDivisionError), held:
        fail_after(held.capture(Decimal(4), close=False))
    assert numbers(account) == (96, 0, 0)


def test_a_block_that_captures_nothing_releases_and_one_that_captures_does_not() -> None:
    account = funded(100)
    with hold(account, 30, key="a"):
        assert numbers(account) == (100, 30, 0)
    assert numbers(account) == (100, 0, 0)
    with hold(account, 30, key="b") as held:
        held.capture(Decimal(20))
    assert numbers(account) == (80, 0, 0)


def test_a_block_whose_capture_is_refused_releases() -> None:
    account = funded(10)
    held = hold(account, 5)
    with pytest.raises(InsufficientCredits), held:
        held.capture(Decimal(11))
    assert numbers(account) == (10, 0, 0)


def test_a_block_that_took_too_long_ends_quietly() -> None:
    account = funded(10)
    with hold(account, 5) as held:
        let_hold_run_out(held)
    assert Hold.objects.get(pk=held.id).status == "expired"


def test_a_whole_block_repeated_charges_once() -> None:
    account = funded(100)
    for _ in range(2):
        with hold(account, 30) as held:
            held.capture(Decimal(5), close=False)
            held.capture(Decimal(6))
    assert numbers(account) == (89, 0, 0)


def test_a_repeated_block_that_ends_otherwise_shows_its_own_error_and_not_that_the_hold_was_captured() -> (
    None
):
    account = funded(100)
    with hold(account, 30) as held:
        held.capture(Decimal(5))
    again = hold(account, 30)
    with pytest.raises(KeyConflict), again:
        again.capture(Decimal(6))
    with hold(account, 30):
        pass
    assert numbers(account) == (95, 0, 0)


# --- Running out ----------------------------------------------------------------------------------------------------


def test_the_job_ends_holds_whose_time_has_passed_and_no_others() -> None:
    account = funded(100)
    late, later, open_still = (hold(account, 10, key=key) for key in ("late", "later", "open"))
    let_hold_run_out(late)
    let_hold_run_out(later)
    Hold.objects.filter(pk=late.id).update(expires_at=soon(days=-1))

    assert ledger.expire_holds(limit=1) == 1
    assert Hold.objects.get(pk=late.id).status == "expired"
    assert ledger.expire_holds() == 1
    assert ledger.expire_holds() == 0
    assert numbers(account) == (100, 10, 0)
    assert Hold.objects.get(pk=open_still.id).status == "open"
