"""What an account has, what it owes and what was captured of a hold stay below 10^18: beyond it is a typed refusal."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from decimal import Decimal
from typing import Any

import pytest
from django.db import DataError, transaction

from credits.adjustments import adjusting as adjustments
from credits.adjustments.models import Adjustment
from credits.amounts import LARGEST
from credits.errors import SumTooLarge
from credits.ledger import operations as ledger
from credits.ledger.bounds import call_within_bounds
from credits.ledger.models import Account, Entry, Hold, Lot
from tests.credits.adjusting import make_staff, terms
from tests.credits.builders import claim, claw_back, funded, grant, hold, numbers, open_account, spend
from tests.credits.round_trips import round_trips

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("books_are_whole_at_the_end")]

MOST = str(LARGEST)
HALF = "600000000000000000"


def everything() -> list[list[Any]]:
    return [list(model.objects.order_by("pk").values()) for model in (Account, Lot, Entry, Hold)]


def capture_beyond(account: Account) -> None:
    """Two captures of what no balance could pay: after the second more would be owed than there can be."""
    held = hold(account, 1, overrun="debt")
    held.capture(Decimal(MOST), close=False)
    refused(lambda: held.capture(Decimal(MOST)))


def capture_beyond_the_hold(account: Account) -> None:
    """The account can pay each time; what was captured of the one hold adds up."""
    held = hold(account, 1, overrun="debt")
    for number in range(2):
        grant(account, HALF, key=f"more {number}")
        if number == 0:
            held.capture(Decimal(HALF), close=False)
    refused(lambda: held.capture(Decimal(HALF)))


def grant_beyond(account: Account) -> None:
    grant(account, HALF, key="half")
    refused(lambda: grant(account, HALF, key="whole"))


def transfer_beyond(account: Account) -> None:
    grant(account, HALF, key="half")
    giver = funded(HALF)
    refused(lambda: ledger.transfer(giver.pk, account.pk, Decimal(HALF), key="gift"))


def owe_beyond(account: Account) -> None:
    lots = []
    for key in ("half", "another half"):
        lots.append(grant(account, HALF, key=key).lot_id)
        spend(account, numbers(account)[0], key=f"work of {key}")
    claw_back(account, claim(HALF, "debt"), lot=lots[0])
    refused(lambda: claw_back(account, claim(HALF, "debt"), lot=lots[1]))


def come_back_beyond(account: Account) -> None:
    lot = grant(account, HALF, key="half").lot_id
    claw_back(account, claim(HALF), lot=lot)
    grant(account, HALF, key="another half")
    refused(lambda: claw_back(account, lot=lot))


def undo_beyond(account: Account) -> None:
    grant(account, HALF, key="half")
    taken = spend(account, HALF, key="by staff", kind=Entry.Kind.ADJUSTMENT)
    grant(account, HALF, key="another half")
    refused(lambda: ledger.undo(account.pk, taken.entry_id, Decimal(HALF), key="undone"))


def adjust_beyond(account: Account) -> None:
    grant(account, LARGEST - numbers(account)[0], key="all")
    refused(lambda: adjustments.ask(account.pk, terms(1), make_staff()))
    assert not Adjustment.objects.exists()


def refused(operation: Callable[[], object]) -> None:
    before = everything()
    with pytest.raises(SumTooLarge, match=r"below 10\^18 credits") as refusal:
        operation()
    assert (refusal.value.code, refusal.value.status) == ("sum_too_large", 409)
    assert everything() == before


BEYOND = [
    capture_beyond,
    capture_beyond_the_hold,
    grant_beyond,
    transfer_beyond,
    owe_beyond,
    come_back_beyond,
    undo_beyond,
    adjust_beyond,
]


@pytest.mark.parametrize("go_beyond", BEYOND, ids=lambda one: one.__name__)
def test_a_sum_beyond_its_bound_is_refused_and_books_nothing(go_beyond: Callable[[Account], None]) -> None:
    account = funded(10)
    go_beyond(account)
    spend(account, 1, key="after") if numbers(account)[0] > 1 else grant(account, 1, key="after")


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("go_beyond", BEYOND, ids=lambda one: one.__name__)
def test_the_same_without_a_transaction(go_beyond: Callable[[Account], None]) -> None:
    go_beyond(funded(10))


def test_whoever_has_a_transaction_open_can_go_on_in_it() -> None:
    account, other = funded(MOST), open_account()
    with transaction.atomic():
        grant(other, 1, key="before")
        refused(lambda: grant(account, 1, key="too much"))
        grant(other, 2, key="after")
    assert numbers(other)[0] == 3


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("around", [nullcontext, transaction.atomic], ids=["alone", "in a transaction"])
def test_it_takes_no_round_trip_more(around: Callable[[], AbstractContextManager[Any]]) -> None:
    account = funded(10)
    held = hold(account, 5)
    held.capture(Decimal(1), close=False)
    with around():
        Account.objects.exists()  # Django begins the transaction with its first statement
        assert round_trips(lambda: grant(account, 1, key="prepared")) == 1
        assert round_trips(lambda: held.capture(Decimal(1))) == 1


def test_a_batch_of_spends_meets_no_bound() -> None:
    account = funded(MOST)
    orders = [ledger.SpendOrder(account.pk, Decimal(HALF), key) for key in ("a", "b", "c")]
    assert [result.outcome for result in ledger.spend_many(orders)] == [
        "done",
        "insufficient",
        "insufficient",
    ]


def test_what_is_wrong_with_the_data_otherwise_keeps_its_own_error() -> None:
    with pytest.raises(DataError, match="division by zero"):
        call_within_bounds("SELECT 1 / %s::int", [0])
