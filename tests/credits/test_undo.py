"""An adjustment is undone as itself: the very credits that it gave are taken, and what it took comes back to the very
lots.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any

import pytest

from credits.adjustments import adjusting as adjustments
from credits.adjustments import undoing
from credits.adjustments.models import Adjustment
from credits.errors import InsufficientCredits, NothingToUndo, UnknownAdjustment
from credits.ledger.models import Account, Entry, Lot
from credits.proof.checking import find_violations
from tests.credits.adjusting import ask, ask_above_limit, make_staff
from tests.credits.builders import (
    claim,
    claw_back,
    funded,
    grant,
    hold,
    left,
    let_lot_expire,
    numbers,
    soon,
    spend,
)
from tests.support.racing import at_once

pytestmark = pytest.mark.django_db


@pytest.fixture
def account() -> Account:
    """100 bought credits, which expire and so are spent first."""
    return funded(100, expires_at=soon(days=10))


def undo(adjustment: Adjustment, key: str = "undo") -> Adjustment:
    made = undoing.undo_adjustment(adjustment.pk, "Mistaken", key, make_staff()).adjustment
    assert list(find_violations()) == []
    return made


def test_credits_that_were_given_are_taken_from_their_own_lot(account: Account) -> None:
    """By the order of spending, the bought ones would go."""
    undone = undo(ask(account, 60))

    assert (undone.amount, undone.status) == (-60, "booked")
    assert left(account) == [100, 0]


def test_credits_that_were_taken_come_back_to_the_lots_that_they_came_from(account: Account) -> None:
    grant(account, 50)
    undo(ask(account, -120))

    assert left(account) == [100, 50]
    assert Lot.objects.count() == 2


def test_what_was_spent_of_it_is_taken_from_other_lots(account: Account) -> None:
    given = ask(account, 60, expires_at=soon(days=1))
    spend(account, 40)
    assert undoing.plan_undo(given.pk) == (given, Decimal(-60))
    undo(given)

    assert left(account) == [60, 0]


def test_what_is_not_there_is_not_taken(account: Account) -> None:
    given = ask(account, 60)
    hold(account, 150)
    with pytest.raises(InsufficientCredits):
        undo(given)

    assert left(account) == [100, 60]
    assert not Adjustment.objects.filter(undoes=given).exists()


def test_what_has_expired_of_it_is_not_taken_from_others(account: Account) -> None:
    given = ask(account, 60, expires_at=soon(days=1))
    spend(account, 10)
    let_lot_expire(account.lots.latest("id").pk)

    assert undoing.plan_undo(given.pk) == (given, Decimal(-10))
    undo(given)
    assert left(account) == [90, 0]


def test_nothing_is_left_to_undo_of_what_has_expired_whole(account: Account) -> None:
    given = ask(account, 60, expires_at=soon(days=1))
    let_lot_expire(account.lots.latest("id").pk)
    with pytest.raises(NothingToUndo):
        undo(given)


def test_what_was_taken_while_its_lot_expired_comes_back_with_that_time(account: Account) -> None:
    taken = ask(account, -100)
    Lot.objects.update(expires_at=datetime.now(UTC))
    undo(taken)
    lot = account.lots.get()

    assert (lot.remaining, numbers(account)[0]) == (100, 100)
    assert lot.extended_by > timedelta(0)


def test_what_comes_back_pays_what_is_owed_and_what_is_claimed(account: Account) -> None:
    taken = ask(account, -100)
    claw_back(account, claim(70))  # waived: nobody had the use of what staff took
    undo(taken)

    assert left(account) == [30]


def test_an_adjustment_is_undone_once(account: Account) -> None:
    given = ask(account, 60)

    assert undo(given) == undo(given)  # the same dialog, pressed twice
    with pytest.raises(NothingToUndo):
        undo(given, key="another dialog")
    assert left(account) == [100, 0]


def test_an_undo_can_itself_be_undone(account: Account) -> None:
    undo(undo(ask(account, 60)), key="after all")
    assert left(account) == [100, 60]


def test_only_what_is_booked_can_be_undone(account: Account, settings: Any) -> None:
    settings.ADJUSTMENT_APPROVAL_ABOVE = Decimal(1000)
    waiting = ask_above_limit(account)
    with pytest.raises(NothingToUndo):
        undo(waiting)
    adjustments.decline(waiting.pk, make_staff())
    with pytest.raises(NothingToUndo):
        undo(waiting)
    with pytest.raises(UnknownAdjustment):
        undoing.plan_undo(account.pk)


def test_above_the_limit_a_second_person_undoes(account: Account, settings: Any) -> None:
    settings.ADJUSTMENT_APPROVAL_ABOVE = Decimal(1000)
    waiting = ask_above_limit(account, 5000)
    adjustments.approve(waiting.pk, make_staff())
    undone = undo(waiting)

    assert undone.status == Adjustment.Status.WAITING
    adjustments.approve(undone.pk, make_staff())
    assert left(account) == [100, 0]
    assert list(find_violations()) == []


@pytest.mark.django_db(transaction=True)
def test_of_two_who_undo_at_once_one_does(settings: Any) -> None:
    account = funded(100)
    given = ask(account, 60)

    def press(key: str) -> bool:
        try:
            undoing.undo_adjustment(given.pk, "Mistaken", key, make_staff())
        except NothingToUndo:
            return False
        return True

    assert sorted(at_once(partial(press, "one"), partial(press, "two"))) == [False, True]
    assert left(account) == [100, 0]
    assert Entry.objects.filter(kind="adjustment").count() == 2
