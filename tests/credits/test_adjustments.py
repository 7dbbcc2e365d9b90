"""Staff give and take credits with a reason: once per key, never below zero, and above the limit only two together."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, cast
from uuid import uuid4

import pytest
from django.db.models import ProtectedError

from accounts.models import User
from credits.adjustments import adjusting as adjustments
from credits.adjustments.models import Adjustment
from credits.errors import (
    AdjustmentDecided,
    InsufficientCredits,
    InvalidAdjustment,
    InvalidAmount,
    InvalidEntry,
    KeyConflict,
    SecondPersonNeeded,
    UnknownAccount,
    UnknownAdjustment,
)
from credits.ledger.models import Account, Entry, Lot
from credits.proof.checking import find_violations
from tests.credits.adjusting import ask, ask_above_limit, make_staff, terms
from tests.credits.builders import claim, claw_back, funded, grant, hold, numbers, open_account, soon, spend

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("limit")]

Status = Adjustment.Status


@pytest.fixture
def account() -> Account:
    return funded(100)


@pytest.fixture
def asker() -> User:
    return make_staff(username="anna")


@pytest.fixture
def approver() -> User:
    return make_staff(username="bert")


def entry_of(adjustment: Adjustment) -> Entry:
    adjustment.refresh_from_db()
    assert adjustment.entry is not None
    return adjustment.entry


# --- At once --------------------------------------------------------------------------------------------------------


def test_what_is_given_is_booked_at_once_with_its_reason(account: Account, asker: User) -> None:
    adjustment = ask(account, "2.5", asker, reason="A  late\njob ", reference=" T-7 ")

    entry = entry_of(adjustment)
    assert (adjustment.status, adjustment.asked_by, adjustment.decided_by) == (Status.BOOKED, asker, None)
    assert (entry.account_id, entry.kind, entry.amount) == (account.pk, Entry.Kind.ADJUSTMENT, Decimal("2.5"))
    assert (entry.reference, entry.metadata["description"]) == ("T-7", "A late job")
    assert numbers(account) == (Decimal("102.5"), 0, 0)
    assert list(find_violations()) == []


def test_what_is_taken_is_booked_at_once(account: Account) -> None:
    assert entry_of(ask(account, "-99.5")).amount == Decimal("-99.5")
    assert numbers(account) == (Decimal("0.5"), 0, 0)
    assert list(find_violations()) == []


def test_nothing_about_staff_is_in_the_entry(account: Account, asker: User) -> None:
    entry = entry_of(ask(account, 5, asker))
    said = f"{entry.key} {entry.reference} {entry.metadata}"
    assert asker.username not in said
    assert str(asker.pk) not in said


def test_what_is_given_keeps_its_expiry_and_whether_it_was_given_away(account: Account) -> None:
    until = soon(days=30)
    entry = entry_of(ask(account, 5, promotional=True, expires_at=until))
    lot = Lot.objects.get(pk=entry.lots[0])
    assert (lot.promotional, lot.expires_at, lot.cost_minor) == (True, until, None)


def test_what_is_given_repays_a_debt_first(account: Account) -> None:
    spend(account, 100)
    claw_back(account, claim(30, "debt"))
    ask(account, 50)
    assert numbers(account) == (20, 0, 0)


def test_more_than_there_is_is_not_taken_and_leaves_no_trace(account: Account) -> None:
    with pytest.raises(InsufficientCredits) as refusal:
        ask(account, -101)
    assert refusal.value.params["missing"] == 1
    assert numbers(account) == (100, 0, 0)
    assert not Adjustment.objects.exists()


def test_what_is_held_for_work_is_not_taken(account: Account) -> None:
    hold(account, 60)
    with pytest.raises(InsufficientCredits):
        ask(account, -41)
    ask(account, -40)
    assert numbers(account) == (60, 60, 0)


# --- Once -----------------------------------------------------------------------------------------------------------


def test_the_same_key_books_once(account: Account, asker: User) -> None:
    wanted = terms(5)
    first = adjustments.ask(account.pk, wanted, asker)
    second = adjustments.ask(account.pk, wanted, asker)

    assert (first.repeated, second.repeated) == (False, True)
    assert first.adjustment == second.adjustment
    assert numbers(account) == (105, 0, 0)


def test_a_repeat_gives_the_first_result_where_nothing_is_left_to_take(account: Account, asker: User) -> None:
    wanted = terms(-100)
    adjustments.ask(account.pk, wanted, asker)
    assert adjustments.ask(account.pk, wanted, asker).repeated
    assert numbers(account) == (0, 0, 0)


@pytest.mark.parametrize(
    "other",
    [
        {"amount": Decimal(6)},
        {"amount": Decimal(-5)},
        {"reason": "Another"},
        {"reference": "T-8"},
        {"promotional": True},
        {"expires_at": soon(days=1)},
    ],
)
def test_the_same_key_for_something_else_is_a_conflict(
    account: Account, asker: User, other: dict[str, Any]
) -> None:
    wanted = terms(5)
    adjustments.ask(account.pk, wanted, asker)
    with pytest.raises(KeyConflict):
        adjustments.ask(account.pk, replace(wanted, **other), asker)
    assert numbers(account) == (105, 0, 0)


def test_the_same_key_for_another_account_is_a_conflict(account: Account, asker: User) -> None:
    wanted = terms(5)
    adjustments.ask(account.pk, wanted, asker)
    other = open_account()
    with pytest.raises(KeyConflict):
        adjustments.ask(other.pk, wanted, asker)
    assert numbers(other) == (0, 0, 0)


def test_a_repeat_above_the_limit_waits_once(account: Account, asker: User) -> None:
    wanted = terms(5000)
    assert not adjustments.ask(account.pk, wanted, asker).repeated
    assert adjustments.ask(account.pk, wanted, asker).repeated
    assert Adjustment.objects.count() == 1


# --- A second person ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("amount", ["1000", "-1000"])
def test_the_limit_itself_is_booked_at_once(amount: str) -> None:
    assert ask(funded(1000), amount).status == Status.BOOKED


@pytest.mark.parametrize("amount", ["1000.000001", "-1000.000001"])
def test_above_the_limit_nothing_is_booked_before_a_second_person_approves(
    amount: str, asker: User, approver: User
) -> None:
    account = funded(2000)
    adjustment = ask_above_limit(account, amount, asked_by=asker)
    assert numbers(account) == (2000, 0, 0)

    adjustments.approve(adjustment.pk, approver)

    adjustment.refresh_from_db()
    assert (adjustment.status, adjustment.asked_by, adjustment.decided_by) == (Status.BOOKED, asker, approver)
    assert adjustment.decided_at is not None
    assert entry_of(adjustment).amount == Decimal(amount)
    assert numbers(account)[0] == 2000 + Decimal(amount)
    assert list(find_violations()) == []


def test_with_a_limit_of_zero_everything_needs_a_second_person(account: Account, settings: Any) -> None:
    settings.ADJUSTMENT_APPROVAL_ABOVE = Decimal(0)
    ask_above_limit(account, "0.000001")


def test_who_asked_cannot_approve(account: Account, asker: User) -> None:
    adjustment = ask_above_limit(account, asked_by=asker)
    with pytest.raises(SecondPersonNeeded):
        adjustments.approve(adjustment.pk, asker)
    adjustment.refresh_from_db()
    assert adjustment.status == Status.WAITING
    assert numbers(account) == (100, 0, 0)


def test_a_higher_limit_does_not_let_through_what_waits(account: Account, asker: User, settings: Any) -> None:
    adjustment = ask_above_limit(account, asked_by=asker)
    settings.ADJUSTMENT_APPROVAL_ABOVE = Decimal(9000)
    with pytest.raises(SecondPersonNeeded):
        adjustments.approve(adjustment.pk, asker)


def test_what_is_declined_is_never_booked(account: Account, asker: User, approver: User) -> None:
    adjustment = ask_above_limit(account, asked_by=asker)
    adjustments.decline(adjustment.pk, approver)

    adjustment.refresh_from_db()
    assert (adjustment.status, adjustment.decided_by, adjustment.entry) == (Status.DECLINED, approver, None)
    with pytest.raises(AdjustmentDecided) as refusal:
        adjustments.approve(adjustment.pk, approver)
    assert refusal.value.params["status"] == "declined"
    assert numbers(account) == (100, 0, 0)


def test_who_asked_may_decline(account: Account, asker: User) -> None:
    adjustment = ask_above_limit(account, asked_by=asker)
    assert adjustments.decline(adjustment.pk, asker).status == Status.DECLINED


def test_what_is_approved_twice_is_booked_once(account: Account, approver: User) -> None:
    adjustment = ask_above_limit(account)
    adjustments.approve(adjustment.pk, approver)
    with pytest.raises(AdjustmentDecided) as refusal:
        adjustments.approve(adjustment.pk, make_staff())
    assert refusal.value.params["status"] == "booked"
    assert numbers(account) == (5100, 0, 0)


def test_what_cannot_be_taken_any_more_still_waits(approver: User) -> None:
    account = funded(5000)
    adjustment = ask_above_limit(account, -5000)
    ask(account, -1)
    with pytest.raises(InsufficientCredits):
        adjustments.approve(adjustment.pk, approver)
    adjustment.refresh_from_db()
    assert adjustment.status == Status.WAITING

    grant(account, 1, key="more")
    adjustments.approve(adjustment.pk, approver)
    assert numbers(account) == (0, 0, 0)


def test_what_would_have_expired_meanwhile_is_not_booked(
    account: Account, approver: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    adjustment = ask_above_limit(account, expires_at=soon(days=1))
    monkeypatch.setattr("credits.adjustments.adjusting.timezone.now", lambda: soon(days=2))
    with pytest.raises(InvalidAdjustment):
        adjustments.approve(adjustment.pk, approver)
    assert numbers(account) == (100, 0, 0)


@pytest.mark.parametrize("decide", [adjustments.approve, adjustments.decline])
def test_what_is_not_there_is_not_decided(decide: Any, approver: User) -> None:
    with pytest.raises(UnknownAdjustment):
        decide(uuid4(), approver)


# --- A script -------------------------------------------------------------------------------------------------------


def test_a_script_books_whatever_the_limit(account: Account) -> None:
    booked = adjustments.book(account.pk, terms(5000)).adjustment
    assert (booked.status, booked.asked_by, booked.decided_by) == (Status.BOOKED, None, None)
    assert numbers(account) == (5100, 0, 0)


@pytest.mark.parametrize("decline", [False, True])
def test_a_script_does_not_take_what_waits_or_was_declined_for_booked(
    account: Account, asker: User, approver: User, decline: bool
) -> None:
    wanted = terms(5000)
    waiting = adjustments.ask(account.pk, wanted, asker).adjustment
    if decline:
        adjustments.decline(waiting.pk, approver)
    with pytest.raises(KeyConflict):
        adjustments.book(account.pk, wanted)
    assert numbers(account) == (100, 0, 0)


# --- What can be asked for ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("amount", ["0", "-0", "NaN", "-NaN", "sNaN", "Infinity", "0.0000001", "-1e18"])
def test_no_amount_is_refused(account: Account, amount: str) -> None:
    with pytest.raises(InvalidAmount):
        ask(account, amount)


@pytest.mark.parametrize(
    ("field", "text"),
    [("reason", ""), ("reason", " \n"), ("reason", "x" * 201), ("reason", "\x00"), ("reason", "\ud800")],
)
def test_a_reason_that_is_none_is_refused(account: Account, field: str, text: str) -> None:
    with pytest.raises(InvalidAdjustment) as refusal:
        ask(account, 5, reason=text)
    assert refusal.value.params["field"] == field


@pytest.mark.parametrize(
    ("field", "text"), [("reference", "x" * 201), ("reference", "\x00"), ("key", " "), ("key", "x" * 201)]
)
def test_text_that_cannot_be_stored_is_refused(account: Account, field: str, text: str) -> None:
    with pytest.raises(InvalidEntry) as refusal:
        ask(account, 5, **cast(Any, {field: text}))
    assert refusal.value.params["field"] == field


@pytest.mark.parametrize("amount", [5, 5000])
@pytest.mark.parametrize(
    "moment", [soon(seconds=-1), soon(days=36501), datetime.max.replace(tzinfo=soon().tzinfo)]
)
def test_an_expiry_in_the_past_or_in_another_age_is_refused(
    account: Account, amount: int, moment: datetime
) -> None:
    with pytest.raises(InvalidAdjustment) as refusal:
        ask(account, amount, expires_at=moment)
    assert refusal.value.params["field"] == "expires_at"
    assert not Adjustment.objects.exists()


@pytest.mark.parametrize("given", [{"promotional": True}, {"expires_at": soon() + timedelta(days=1)}])
def test_what_is_taken_has_no_terms_of_a_grant(account: Account, given: dict[str, Any]) -> None:
    with pytest.raises(InvalidAdjustment) as refusal:
        ask(account, -5, **given)
    assert refusal.value.params["field"] in given


@pytest.mark.parametrize("amount", [5, -5, 5000])
def test_an_account_that_is_not_there_is_refused(amount: int, asker: User) -> None:
    with pytest.raises(UnknownAccount):
        adjustments.ask(uuid4(), terms(amount), asker)
    assert not Adjustment.objects.exists()


def test_who_asked_or_decided_is_never_deleted(account: Account, asker: User, approver: User) -> None:
    adjustments.approve(ask_above_limit(account, asked_by=asker).pk, approver)
    for person in (asker, approver):
        with pytest.raises(ProtectedError):
            person.delete()
