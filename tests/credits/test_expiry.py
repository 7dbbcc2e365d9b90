"""Lots past their expiry are taken out, but for what a hold has pinned."""

from __future__ import annotations

from decimal import Decimal

import pytest

from credits.ledger import operations as ledger
from credits.ledger.models import Entry, Movement
from tests.credits.builders import (
    claim,
    claw_back,
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


def test_each_lot_that_expired_is_one_entry_and_the_others_stay() -> None:
    account = open_account()
    first = grant(account, 10, key="first", reference="purchase 7").lot_id
    second = grant(account, 5, key="second").lot_id
    grant(account, 3, key="later", expires_at=soon(minutes=1))
    grant(account, 2, key="never")
    spend(account, 1, key="from the one that expires")
    for lot in (first, second):
        let_lot_expire(lot)

    assert ledger.expire_lots(account.pk) == 2

    entries = Entry.objects.filter(account=account, kind="expiry").order_by("version")
    assert [(entry.amount, entry.movements, entry.reference) for entry in entries] == [
        (-10, [Movement(first, Decimal(-10))], "purchase 7"),
        (-5, [Movement(second, Decimal(-5))], ""),
    ]
    assert numbers(account) == (4, 0, 0)
    assert left(account) == [0, 0, 2, 2]


def test_an_expired_lot_is_taken_out_once() -> None:
    account = funded(10)
    let_lot_expire(account.lots.get().pk)
    assert [ledger.expire_lots(account.pk) for _ in range(2)] == [1, 0]
    assert numbers(account) == (0, 0, 0)


def test_what_a_hold_has_pinned_stays_until_the_hold_ends() -> None:
    account = funded(10)
    held = hold(account, 6)
    let_lot_expire(account.lots.get().pk)

    assert ledger.expire_lots(account.pk) == 1
    assert numbers(account) == (6, 6, 0)
    assert ledger.expire_lots(account.pk) == 0
    ledger.capture(held.account_id, held.id, Decimal(2), key="work")
    assert numbers(account) == (4, 0, 0)
    assert ledger.expire_lots(account.pk) == 1
    assert numbers(account) == (0, 0, 0)


def test_an_expiry_never_uses_the_key_of_another() -> None:
    """A lot may be taken out in parts, as its holds end."""
    account = funded(10)
    held = [hold(account, 2, key=f"hold:{number}") for number in range(3)]
    let_lot_expire(account.lots.get().pk)
    for one in held:
        ledger.expire_lots(account.pk)
        ledger.release(one.account_id, one.id)
    ledger.expire_lots(account.pk)
    keys = list(Entry.objects.filter(kind="expiry").values_list("key", flat=True))
    assert len(set(keys)) == len(keys) == 4
    assert numbers(account) == (0, 0, 0)


def test_what_is_held_in_an_account_that_owes_expires_when_the_hold_ends() -> None:
    """It was past its time before it could pay the debt off."""
    account = funded(10)
    lot = grant(account, 20, key="more").lot_id
    spend(account, 10)
    held = hold(account, 20)
    claw_back(account, claim(10, "debt"))
    assert numbers(account) == (10, 20, 10)
    let_lot_expire(lot)
    ledger.release(held.account_id, held.id)
    ledger.expire_lots(account.pk)
    assert numbers(account) == (-10, 0, 10)


def test_an_account_without_expired_lots_gets_no_entry() -> None:
    account = funded(10, expires_at=soon(minutes=1))
    assert ledger.expire_lots(account.pk) == 0
    assert Entry.objects.count() == 1
