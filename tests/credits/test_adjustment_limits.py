"""What a member of staff gives and takes alone is limited by the day, not by the act."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from functools import partial
from threading import Barrier
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import User
from credits.adjustments import adjusting as adjustments
from credits.adjustments import limits as adjustment_limits
from credits.adjustments.limits import allowance_of
from credits.adjustments.models import Adjustment
from credits.ledger.models import Account
from tests.admin.pages import button_of, messages_after, read
from tests.credits.adjusting import LIMIT, ask, ask_above_limit, make_staff, terms
from tests.credits.builders import funded, numbers
from tests.credits_pages.builders import past
from tests.support.racing import at_once
from tests.support.signing_in import sign_in

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("limit")]

Status = Adjustment.Status


@pytest.fixture
def account() -> Account:
    return funded(5000)


@pytest.fixture
def asker() -> User:
    return make_staff(username="anna", is_superuser=True)


def let_pass(time: timedelta) -> None:
    past("UPDATE credits_adjustment SET asked_at = asked_at - %s", [time])


def test_ten_small_ones_dont_pass_what_one_may_not(account: Account, asker: User) -> None:
    asked = [ask(account, 150, asker).status for _ in range(10)]
    assert Counter(asked) == {Status.BOOKED: 6, Status.WAITING: 4}
    assert numbers(account)[0] == 5900


def test_what_is_left_is_booked_to_its_last_millionth(account: Account, asker: User) -> None:
    ask(account, "999.999999", asker)
    assert ask(account, "0.000002", asker).status == Status.WAITING
    assert ask(account, "0.000001", asker).status == Status.BOOKED


def test_taking_counts_as_giving_does(account: Account, asker: User) -> None:
    assert ask(account, 600, asker).status == Status.BOOKED
    assert ask(account, -600, asker).status == Status.WAITING
    assert ask(funded(600), -400, asker).status == Status.BOOKED
    assert ask(account, 1, asker).status == Status.WAITING


def test_after_a_day_it_is_all_there_again(account: Account, asker: User) -> None:
    ask(account, 600, asker)
    let_pass(timedelta(hours=23, minutes=59))
    assert ask(account, 600, asker).status == Status.WAITING
    let_pass(timedelta(minutes=1))
    assert ask(account, 600, asker).status == Status.BOOKED


def test_another_member_of_staff_has_a_day_of_their_own(account: Account, asker: User) -> None:
    ask(account, 1000, asker)
    assert ask(account, 1000, make_staff()).status == Status.BOOKED


def test_what_a_second_person_approved_was_declined_or_waits_counts_for_nothing(
    account: Account, asker: User
) -> None:
    adjustments.approve(ask_above_limit(account, asked_by=asker).pk, make_staff())
    adjustments.decline(ask_above_limit(account, asked_by=asker).pk, make_staff())
    ask_above_limit(account, asked_by=asker)
    assert allowance_of(asker).left == LIMIT
    assert ask(account, 1000, asker).status == Status.BOOKED


def test_approving_counts_for_nothing_either(account: Account, asker: User) -> None:
    adjustments.approve(ask_above_limit(account).pk, asker)
    assert allowance_of(asker).left == LIMIT


def test_a_repeat_counts_once_and_stays_what_it_was(account: Account, asker: User) -> None:
    wanted = terms(600)
    asked = [adjustments.ask(account.pk, wanted, asker) for _ in range(3)]
    assert [one.repeated for one in asked] == [False, True, True]
    assert {one.adjustment.status for one in asked} == {Status.BOOKED}
    assert allowance_of(asker).left == 400


def test_a_scripts_grants_are_nobodys(account: Account, asker: User) -> None:
    for _ in range(3):
        adjustments.book(account.pk, terms(900))
    assert allowance_of(asker).left == LIMIT


def test_the_allowance_says_until_when(account: Account, asker: User) -> None:
    assert (allowance_of(asker).more_at, allowance_of(asker).until) == (None, "")
    first = ask(account, 100, asker)
    let_pass(timedelta(hours=3))
    ask(account, 200, asker)
    allowance = allowance_of(asker)
    assert allowance.left == 700
    assert allowance.more_at is not None
    assert abs(allowance.more_at - first.asked_at - timedelta(hours=21)) < timedelta(seconds=5)


# --- In the admin -----------------------------------------------------------------------------------------------------


@pytest.fixture
def browser(asker: User) -> Client:
    return sign_in(asker)


def test_the_dialog_says_what_is_left_and_until_when(browser: Client, asker: User, account: Account) -> None:
    dialog = button_of(account, "adjust")
    more = "A second person must approve more."
    assert f"You can adjust up to 1,000 credits per 24 hours without approval. {more}" in read(
        browser, dialog
    )
    ask(account, "299.5", asker)
    until = timezone.now() + timedelta(days=1)
    told = f"You can adjust up to 700.5 credits without approval until {until.day} {until:%b}, {until:%H}:"
    assert told in read(browser, dialog)
    assert f"UTC (1,000 per 24 hours). {more}" in read(browser, dialog)


def test_what_waits_because_of_what_went_before_says_so(
    browser: Client, asker: User, account: Account
) -> None:
    ask(account, 900, asker)
    fields = {"_form_submitted": "True", "key": "k", "what": "give", "amount": "101", "reason": "Why"}
    (said,) = messages_after(browser.post(button_of(account, "adjust"), fields))
    waits = "+101 credits are awaiting approval by a second person."
    assert said.startswith(f"{waits} You can adjust up to 100 credits without approval until ")


# --- At once ----------------------------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_two_at_once_dont_pass_it_together(asker: User) -> None:
    accounts = [funded(1) for _ in range(4)]
    asked = at_once(*[partial(ask, account, 600, asker) for account in accounts])
    assert Counter(one.status for one in asked) == {Status.BOOKED: 1, Status.WAITING: 3}


@pytest.mark.django_db(transaction=True)
def test_without_taking_turns_two_at_once_pass_it_together(
    asker: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control: both find all of it left."""
    met = Barrier(2, timeout=10)
    look = adjustment_limits.allowance_of

    def look_and_wait(member: User) -> Any:
        found = look(member)
        met.wait()
        return found

    monkeypatch.setattr(adjustment_limits, "take_turns", lambda name: None)
    monkeypatch.setattr(adjustment_limits, "allowance_of", look_and_wait)
    accounts = [funded(1) for _ in range(2)]
    asked = at_once(*[partial(ask, account, 600, asker) for account in accounts])
    assert {one.status for one in asked} == {Status.BOOKED}
