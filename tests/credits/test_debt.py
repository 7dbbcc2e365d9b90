"""An account owes only while nothing of it is free: what is free pays a debt off at once."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from credits.ledger import operations as ledger
from credits.ledger import selectors
from credits.ledger.models import Account, Entry, Movement
from tests.credits.builders import (
    claim,
    claw_back,
    clawback_of,
    funded,
    grant,
    hold,
    left,
    let_lot_expire,
    numbers,
    open_account,
    soon,
    spend,
)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("books_are_whole_at_the_end")]


def owing(amount: int) -> Account:
    """An account that owes so much for a purchase that was spent and refunded."""
    account = funded(amount)
    spend(account, amount)
    claw_back(account, claim(amount, "debt"))
    return account


def available(account: Account) -> Any:
    """Untyped: it is compared with plain numbers."""
    return selectors.find_balance(account.pk).available


def test_a_debt_takes_what_is_free_in_another_lot_at_once() -> None:
    account = funded(1000)
    spend(account, 1000)
    second = grant(account, 1000, key="second", expires_at=soon(days=1)).lot_id
    claw_back(account, claim(1000, "debt"))
    assert numbers(account) == (0, 0, 0)
    assert left(account) == [0, 0]

    let_lot_expire(second)
    before = available(account)
    ledger.expire_lots(account.pk)

    assert (before, available(account), numbers(account)) == (0, 0, (0, 0, 0))
    assert grant(account, 500, key="third").balance_after == 500
    assert available(account) == 500


def test_lots_pay_a_debt_off_in_the_order_in_which_they_are_spent() -> None:
    account = funded(10)
    spend(account, 10)
    last = grant(account, 5, key="forever").lot_id
    first = grant(account, 5, key="soon", expires_at=soon(days=1)).lot_id
    claw_back(account, claim(8, "debt"))
    offset = Entry.objects.get(kind="offset")
    assert (offset.amount, offset.owed) == (0, -8)
    assert offset.movements == [Movement(first, Decimal(-5)), Movement(last, Decimal(-3))]
    assert numbers(account) == (2, 0, 0)


@pytest.mark.parametrize("how", ["grant", "gift", "adjustment"])
def test_whatever_comes_in_pays_the_debt_off_first(how: str) -> None:
    account = owing(30)
    if how == "gift":
        ledger.transfer(funded(50).pk, account.pk, Decimal(50), key="gift")
    else:
        kind = Entry.Kind.ADJUSTMENT if how == "adjustment" else Entry.Kind.PURCHASE
        grant(account, 50, key="in", kind=kind)
    assert numbers(account) == (20, 0, 0)
    assert left(account) == [0, 20]


def test_what_a_hold_frees_pays_the_debt_off() -> None:
    account = funded(10)
    spend(account, 10)
    grant(account, 10, key="second")
    held = hold(account, 10)
    claw_back(account, claim(10, "debt"))
    assert numbers(account) == (0, 10, 10)
    assert available(account) == 0

    ledger.release(held.account_id, held.id)

    assert numbers(account) == (0, 0, 0)
    assert left(account) == [0, 0]


def test_what_a_capture_leaves_over_pays_the_debt_off() -> None:
    account = funded(10)
    spend(account, 10)
    grant(account, 10, key="second")
    held = hold(account, 10)
    claw_back(account, claim(10, "debt"))
    captured = ledger.capture(held.account_id, held.id, Decimal(4), key="work")
    assert captured.balance == -4
    assert numbers(account) == (-4, 0, 4)


def test_credits_that_paid_off_a_debt_are_owed_again_when_their_own_purchase_is_refunded() -> None:
    account = owing(100)
    second = grant(account, 100, key="second").lot_id
    assert numbers(account) == (0, 0, 0)
    refund = claim(100)

    claw_back(account, refund, lot=second)

    assert clawback_of(refund) == (100, 0, 0, 0)
    assert numbers(account) == (-100, 0, 100)
    assert grant(account, 150, key="third").balance_after == 50
    assert numbers(account) == (50, 0, 0)


def test_the_free_part_of_such_a_lot_is_taken_before_the_repayment_is_undone() -> None:
    account = owing(40)
    second = grant(account, 100, key="second").lot_id
    claw_back(account, claim(70), lot=second)
    assert numbers(account) == (-10, 0, 10)


def test_a_debt_that_falls_away_after_it_was_paid_off_comes_back_to_the_lots_that_paid() -> None:
    account = owing(100)
    second = grant(account, 150, key="second").lot_id
    claw_back(account)
    assert numbers(account) == (150, 0, 0)
    assert account.lots.get(pk=second).remaining == 150


def test_a_debt_that_falls_away_in_part_comes_back_in_part() -> None:
    account = funded(100)
    spend(account, 100)
    refund = claim(60, "debt")
    claw_back(account, refund, claim(40, "debt"))
    grant(account, 70, key="second")
    assert numbers(account) == (-30, 0, 30)
    claw_back(account, refund)
    assert numbers(account) == (10, 0, 0)


def test_a_spend_never_makes_a_debt() -> None:
    account = open_account()
    grant(account, 10)
    spend(account, 10)
    assert not Entry.objects.filter(kind="offset").exists()
