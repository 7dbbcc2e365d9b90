"""A gift remembers where its credits come from: they go back to their own lot, at their own cost."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise

import pytest
from django.db.models import Sum

from credits.errors import TooFresh
from credits.ledger import operations as ledger
from credits.ledger.models import Account, Clawback, Entry, Lot
from tests.credits.builders import (
    claim,
    claw_back,
    clawback_of,
    funded,
    grant,
    left,
    let_lot_expire,
    numbers,
    open_account,
    soon,
    spend,
)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("books_are_whole_at_the_end")]


def give(giver: Account, receiver: Account, amount: str | int, key: str = "gift") -> None:
    ledger.transfer(giver.pk, receiver.pk, Decimal(amount), key=key)


def cost(lot: Lot) -> Fraction:
    """What the lot's credits cost, exactly, in cents."""
    return Fraction(lot.cost_minor or 0) * Fraction(lot.amount) / Fraction(lot.cost_credits or lot.amount)


# --- Where they come from -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", list(Clawback.Kind))
def test_a_round_trip_shields_nothing_from_a_clawback(kind: Clawback.Kind) -> None:
    buyer, friend = funded(100), open_account()
    give(buyer, friend, 100)
    give(friend, buyer, 100)
    back = claim(100, kind=kind)
    claw_back(buyer, back, kind=Entry.Kind(kind.value))
    assert clawback_of(back) == (100, 0, 0, 0)
    assert numbers(buyer) == (0, 0, 0)


def test_what_comes_home_after_the_clawback_is_taken_on_arrival() -> None:
    buyer, friend, other = funded(100), open_account(), open_account()
    give(buyer, friend, 100)
    give(friend, other, 100, key="on")
    back = claim(100)
    claw_back(buyer, back)
    assert clawback_of(back) == (0, 0, 0, 100)

    give(other, buyer, 60, key="home")

    assert clawback_of(back) == (60, 0, 0, 40)
    assert numbers(buyer) == (0, 0, 0)


def test_credits_that_come_home_are_in_their_own_lot() -> None:
    buyer, friend = funded(10, expires_at=soon(days=2)), open_account()
    give(buyer, friend, 10)
    spend(friend, 4)
    give(friend, buyer, 6)
    assert left(buyer) == [6]
    assert (numbers(buyer), numbers(friend)) == ((6, 0, 0), (0, 0, 0))


def test_credits_that_come_home_after_their_lot_was_given_time_keep_it() -> None:
    buyer, friend = funded(10, expires_at=soon(days=2)), open_account()
    give(buyer, friend, 10)
    Lot.objects.filter(account=friend).update(expires_at=soon(days=9))
    give(friend, buyer, 10)
    let_lot_expire(Lot.objects.get(account=friend).pk)
    expires_at = Lot.objects.get(account=buyer).expires_at
    assert expires_at is not None
    assert expires_at > soon(days=8)


def test_a_lot_passed_on_names_the_first_lot_and_nothing_of_its_purchase() -> None:
    buyer, friend, other = open_account(), open_account(), open_account()
    bought = grant(buyer, 20, cost=ledger.Cost(1999, "usd"), reference="purchase 7").lot_id
    give(buyer, friend, 15)
    give(friend, other, 5, key="on")
    lot = Lot.objects.get(account=other)
    assert (lot.origin_lot, lot.origin_account) == (bought, buyer.pk)
    assert lot.reference == ""


# --- What they cost -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("price", "currency", "credits", "gifts"), [(700, "usd", 1000, 200), (70, "jpy", 100, 100)]
)
def test_gifts_add_nothing_to_what_was_paid_however_small_they_are(
    price: int, currency: str, credits: int, gifts: int
) -> None:
    buyer, friend = open_account(), open_account()
    grant(buyer, credits, cost=ledger.Cost(price, currency))
    for number in range(gifts):
        give(buyer, friend, 1, key=str(number))
    given = Lot.objects.filter(account=friend)
    assert given.aggregate(all=Sum("amount"))["all"] == gifts
    assert sum(map(cost, given)) == Fraction(price) * gifts / credits


def test_a_third_of_a_cent_stays_a_third_through_many_hands() -> None:
    people = [open_account() for _ in range(4)]
    grant(people[0], 3, cost=ledger.Cost(100, "usd"))
    for giver, receiver in pairwise(people):
        give(giver, receiver, 1)
    assert cost(Lot.objects.get(account=people[-1])) == Fraction(100, 3)


# --- How soon they can be given -------------------------------------------------------------------------------------


def transfer_after(hours: int, giver: Account, amount: int) -> None:
    ledger.transfer(
        giver.pk, open_account().pk, Decimal(amount), key=f"gift:{amount}", fresh=timedelta(hours=hours)
    )


def test_what_was_bought_too_recently_is_not_given_and_the_rest_is() -> None:
    account = open_account()
    grant(account, 10, key="bought", cost=ledger.Cost(100, "usd"))
    grant(account, 5, key="free", promotional=True, kind=Entry.Kind.PROMOTION)
    with pytest.raises(TooFresh) as refusal:
        transfer_after(24, account, 6)
    assert refusal.value.params["missing"] == 1
    transfer_after(24, account, 5)
    assert numbers(account) == (10, 0, 0)


def test_without_a_time_bought_credits_can_be_given_at_once() -> None:
    account = open_account()
    grant(account, 10, cost=ledger.Cost(100, "usd"))
    transfer_after(0, account, 10)
    assert numbers(account) == (0, 0, 0)
