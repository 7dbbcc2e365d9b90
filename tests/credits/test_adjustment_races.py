"""Decisions and repeats at the same moment: one wins, the others are told, and the books have it once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from django.db import IntegrityError, connection

from accounts.models import User
from core.errors import DomainError
from credits.adjustments import adjusting as adjustments
from credits.adjustments.models import Adjustment
from credits.ledger.models import Account, Entry
from credits.proof.checking import find_violations
from tests.credits.adjusting import ask_above_limit, make_staff, terms
from tests.credits.builders import funded, numbers
from tests.support.racing import at_once

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def account() -> Account:
    return funded(100)


def outcome(call: Callable[[], Any]) -> str:
    """What comes of a call: ``done``, or the code of its refusal, or the database's guard."""
    try:
        call()
    except DomainError as error:
        return error.code
    except IntegrityError as error:
        return str(error.__cause__.diag.constraint_name)  # type: ignore[union-attr]  # psycopg's
    return "done"


def outcomes(*calls: Callable[[], Any]) -> Counter[str]:
    return Counter(at_once(*[partial(outcome, call) for call in calls]))


def approvals(adjustment: Adjustment, count: int = 4) -> list[Callable[[], Any]]:
    people: list[User] = [make_staff() for _ in range(count)]
    return [partial(adjustments.approve, adjustment.pk, person) for person in people]


def test_of_approvals_at_once_one_books_and_the_others_are_told(account: Account) -> None:
    adjustment = ask_above_limit(account, 5000)

    assert outcomes(*approvals(adjustment)) == {"done": 1, "adjustment_decided": 3}
    assert numbers(account) == (5100, 0, 0)
    assert Entry.objects.filter(kind="adjustment").count() == 1
    assert list(find_violations()) == []


def test_without_the_lock_approvals_at_once_reach_the_databases_guard(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The race is there: with the lock taken away, all see it waiting, and only the guard stops the second."""

    def without_lock(adjustment_id: Any) -> Adjustment:
        found = Adjustment.objects.get(pk=adjustment_id)
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_sleep(0.3)")
        return found

    monkeypatch.setattr(adjustments, "_locked", without_lock)
    adjustment = ask_above_limit(account, 5000)

    assert outcomes(*approvals(adjustment)) == {"done": 1, "credits_adjustment_decided_once": 3}
    assert numbers(account) == (5100, 0, 0)


def test_of_an_approval_and_a_refusal_at_once_one_stands(account: Account) -> None:
    for _ in range(4):
        before = numbers(account)[0]
        adjustment = ask_above_limit(account, 5000)
        approve, *_ = approvals(adjustment, 1)

        assert outcomes(approve, partial(adjustments.decline, adjustment.pk, make_staff())) == {
            "done": 1,
            "adjustment_decided": 1,
        }
        adjustment.refresh_from_db()
        assert numbers(account)[0] - before == (5000 if adjustment.status == "booked" else 0)


def test_a_dialog_pressed_many_times_at_once_books_once(account: Account) -> None:
    asker, wanted = make_staff(), terms(5)

    asked = at_once(*[partial(adjustments.ask, account.pk, wanted, asker)] * 6)

    assert sorted(each.repeated for each in asked) == [False, True, True, True, True, True]
    assert numbers(account) == (105, 0, 0)


def test_the_same_key_at_once_for_two_accounts_books_one(account: Account) -> None:
    asker, wanted, other = make_staff(), terms(5), funded(100)
    calls = [partial(adjustments.ask, each.pk, wanted, asker) for each in (account, other)]

    assert outcomes(*calls) == {"done": 1, "key_conflict": 1}
    assert sorted([numbers(account)[0], numbers(other)[0]]) == [100, 105]
