"""`ledger.restore`: what was taken back from a lot comes back to it."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from credits import ledger
from credits.errors import InvalidAmount, InvalidEntry, KeyConflict, UnknownLot
from credits.models import Account, Entry, Movement
from credits.proof import find_violations
from tests.credits.builders import funded, grant, left, let_lot_expire, open_account, spend

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _books_are_whole_at_the_end(db: None) -> Iterator[None]:
    yield
    assert list(find_violations()) == []


def take_back(account: Account, amount: int, policy: ledger.Policy = "debt") -> None:
    lot = account.lots.earliest("id").pk
    ledger.reverse(account.pk, lot, Decimal(amount), key=f"refund:{amount}", policy=policy)


def give_back(account: Account, amount: str | int, owed: int = 0, **more: Any) -> Any:
    """To the account's first lot, unless told another."""
    arguments = {"key": "failed:1", "kind": Entry.Kind.REFUND, **more}
    lot = arguments.pop("lot", account.lots.earliest("id").pk)
    return ledger.restore(account.pk, lot, Decimal(amount), owed=Decimal(owed), **arguments)


def standing(account: Account) -> Any:
    found = Account.objects.get(pk=account.pk)
    return found.balance, found.debt


def test_what_was_taken_comes_back_to_its_lot() -> None:
    account = funded(100)
    lot = account.lots.get().pk
    take_back(account, 60)
    back = give_back(account, 60, reference="refund 7")

    entry = Entry.objects.latest("id")
    assert (back.entry_id, back.let_off, back.balance_after, back.repeated) == (entry.pk, 0, 100, False)
    assert (entry.kind, entry.reference, entry.movements) == (
        "refund",
        "refund 7",
        [Movement(lot, Decimal(60))],
    )
    assert left(account) == [100]


def test_debt_is_let_off_before_anything_comes_back() -> None:
    account = funded(100)
    spend(account, 80)
    take_back(account, 100)
    assert standing(account) == (-80, 80)

    assert give_back(account, 100, owed=80).let_off == 80
    assert (standing(account), left(account)) == ((20, 0), [20])


def test_debt_that_was_repaid_meanwhile_comes_back_as_credits() -> None:
    account = funded(100)
    spend(account, 80)
    take_back(account, 100)
    grant(account, 50, key="next purchase")

    assert give_back(account, 100, owed=80).let_off == 30
    assert standing(account) == (70, 0)
    assert left(account) == [70, 0]


def test_an_exhausted_lot_pays_again() -> None:
    account = funded(10)
    take_back(account, 10)
    give_back(account, 10)
    spend(account, 10)
    assert standing(account) == (0, 0)


def test_a_lot_that_expired_meanwhile_gets_its_credits_and_nobody_can_spend_them() -> None:
    account = open_account()
    lot = grant(account, 10).lot_id
    take_back(account, 10)
    let_lot_expire(lot)
    give_back(account, 4)

    assert ledger.expire_lots(account.pk) == 1
    assert standing(account) == (0, 0)


def test_a_repeat_gives_back_once_and_other_words_are_a_conflict() -> None:
    account = funded(100)
    take_back(account, 60)
    first, again = give_back(account, 60), give_back(account, 60)

    assert (first.entry_id, again.repeated) == (again.entry_id, True)
    others: list[dict[str, Any]] = [
        {"amount": 59}, {"owed": 1}, {"reference": "x"}, {"kind": Entry.Kind.DISPUTE},
    ]  # fmt: skip
    for other in others:
        with pytest.raises(KeyConflict):
            give_back(account, **{"amount": 60, **other})
    assert standing(account) == (100, 0)


def test_a_lot_never_gets_more_than_it_had() -> None:
    account = funded(100)
    take_back(account, 60)
    with pytest.raises(InvalidEntry):
        give_back(account, "60.000001")
    assert standing(account) == (40, 0)


@pytest.mark.parametrize("owed", [-1, 61])
def test_what_was_owed_is_a_part_of_it(owed: int) -> None:
    account = funded(100)
    take_back(account, 60)
    with pytest.raises(InvalidEntry):
        give_back(account, 60, owed=owed)


def test_another_accounts_lot_is_unknown() -> None:
    account, other = funded(10), funded(10)
    with pytest.raises(UnknownLot):
        give_back(account, 1, lot=other.lots.get().pk)


@pytest.mark.parametrize("amount", ["0", "-1", "0.0000001", "NaN"])
def test_an_amount_that_is_none_is_refused(amount: str) -> None:
    with pytest.raises(InvalidAmount):
        give_back(funded(10), amount)
