"""`ledger.claw_back`: credits go back from the very lot that their payment brought, by the claims that stand."""

from __future__ import annotations

import uuid
from decimal import Decimal
from itertools import permutations
from typing import Any

import pytest

from credits.errors import InvalidEntry, KeyConflict, UnknownLot
from credits.ledger import operations as ledger
from credits.ledger.models import Account, Clawback, Entry, Movement
from credits.ledger.results import Clawed
from credits.proof.checking import find_violations
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


@pytest.mark.parametrize("policy", ["cap", "debt"])
def test_what_the_lot_has_left_is_taken_and_no_other_lot_is_touched(policy: str) -> None:
    account = open_account()
    grant(account, 10, key="first")
    bought = grant(account, 20, key="second", reference="purchase 7").lot_id
    refund = claim("15.000001", policy)

    clawed = claw_back(account, refund, lot=bought)

    entry = Entry.objects.latest("id")
    assert clawed == Clawed(entry.pk, Decimal("15.000001"), Decimal(0), Decimal("14.999999"))
    assert entry.movements == [Movement(bought, Decimal("-15.000001"))]
    assert (entry.kind, entry.reference, entry.metadata) == ("refund", "purchase 7", {"lot": bought})
    assert left(account) == [10, Decimal("4.999999")]
    assert clawback_of(refund) == (Decimal("15.000001"), 0, 0, 0)


def test_what_was_spent_is_waived_or_owed_as_the_policy_says() -> None:
    for policy, debt in (("cap", 0), ("debt", 7)):
        account = funded(10)
        spend(account, 7)
        refund = claim(10, policy)
        claw_back(account, refund)
        assert numbers(account) == (-debt, 0, debt)
        assert clawback_of(refund) == (3, 0, debt, 7 - debt)


def test_what_stands_already_changes_nothing() -> None:
    account = funded(10)
    spend(account, 4)
    refund = claim(8, "debt")
    claw_back(account, refund)
    entries = Entry.objects.count()
    assert claw_back(account, refund) == Clawed(None, Decimal(0), Decimal(0), Decimal(-2))
    assert (Entry.objects.count(), numbers(account)) == (entries, (-2, 0, 2))


def test_what_stands_no_more_comes_back() -> None:
    account = funded(100)
    spend(account, 80)
    refund, dispute = claim(60, "debt"), claim(40, "debt", kind=Clawback.Kind.DISPUTE)
    claw_back(account, refund, dispute)
    assert numbers(account) == (-80, 0, 80)

    back: Any = claw_back(account, refund, kind=Entry.Kind.DISPUTE)

    assert (back.taken, back.owed) == (0, -40)
    assert numbers(account) == (-40, 0, 40)
    claw_back(account)
    assert numbers(account) == (20, 0, 0)
    assert left(account) == [20]
    assert clawback_of(refund) == clawback_of(dispute) == (0, 0, 0, 0)


@pytest.mark.parametrize("first", ["cap", "debt"])
def test_a_refund_that_fails_leaves_what_the_other_one_says(first: str) -> None:
    """All 1,000 are spent; half is refunded with each policy. Whichever fails, the other one decides alone."""
    account = funded(1000)
    spend(account, 1000)
    policies = {"cap": claim(500, "cap"), "debt": claim(500, "debt")}
    other = next(policy for policy in policies if policy != first)
    claw_back(account, policies[first])
    claw_back(account, policies[first], policies[other])
    assert numbers(account) == (-500, 0, 500)
    claw_back(account, policies[other])
    assert numbers(account)[2] == (500 if other == "debt" else 0)


def test_a_refund_that_fails_hands_what_it_took_to_the_next() -> None:
    """500 were taken for the first refund and 500 spent since; without the first, the second would have taken them."""
    account = funded(1000)
    first, second = claim(500), claim(500)
    claw_back(account, first)
    spend(account, 500)
    claw_back(account, first, second)
    assert (clawback_of(first), clawback_of(second)) == ((500, 0, 0, 0), (0, 0, 0, 500))

    claw_back(account, second)

    assert clawback_of(second) == (500, 0, 0, 0)
    assert numbers(account) == (0, 0, 0)


def test_the_same_claims_come_to_the_same_in_whatever_order_they_are_learnt() -> None:
    at = soon()
    ended = set()
    for order in permutations(range(3)):
        account = funded(100)
        spend(account, 55)
        # The ids are drawn again: only the order of the claims counts.
        claims = [claim(30, "debt", at=at), claim(30, at=at), claim(40, "debt", at=at)]
        for number in range(1, 4):
            claw_back(account, *(claims[place] for place in sorted(order[:number])))
        ended.add((numbers(account), tuple(clawback_of(one) for one in claims)))
    assert ended == {((-40, 0, 40), ((30, 0, 0, 0), (15, 0, 0, 15), (0, 0, 40, 0)))}


def test_credits_that_nobody_had_the_use_of_are_never_owed() -> None:
    """Staff took 600 of 1,000; the refund takes what is left and asks nobody for the rest."""
    account = funded(1000)
    spend(account, 600, kind=Entry.Kind.ADJUSTMENT)
    refund = claim(1000, "debt")
    claw_back(account, refund)
    assert clawback_of(refund) == (400, 0, 0, 600)
    assert numbers(account) == (0, 0, 0)


def test_credits_that_expired_are_never_owed_though_no_job_has_run() -> None:
    account = funded(10)
    spend(account, 4)
    let_lot_expire(account.lots.get().pk)
    refund = claim(10, "debt")
    claw_back(account, refund)
    assert clawback_of(refund) == (0, 0, 4, 6)
    assert numbers(account) == (-4, 0, 4)


def test_forfeited_credits_are_never_owed() -> None:
    account = funded(1000)
    ledger.close(account.pk)
    dispute = claim(1000, "debt", kind=Clawback.Kind.DISPUTE)
    claw_back(account, dispute, kind=Entry.Kind.DISPUTE)
    assert clawback_of(dispute) == (0, 0, 0, 1000)
    assert numbers(account) == (0, 0, 0)


def test_a_closed_account_owes_nothing() -> None:
    account = funded(1000)
    spend(account, 1000)
    ledger.close(account.pk)
    dispute = claim(1000, "debt", kind=Clawback.Kind.DISPUTE)
    claw_back(account, dispute, kind=Entry.Kind.DISPUTE)
    assert clawback_of(dispute) == (0, 0, 0, 1000)


def test_credits_given_away_count_as_spent() -> None:
    account, friend = funded(10), open_account()
    ledger.transfer(account.pk, friend.pk, Decimal(6), key="gift")
    refund = claim(10, "debt")
    claw_back(account, refund)
    assert clawback_of(refund) == (4, 0, 6, 0)
    assert numbers(account) == (-6, 0, 6)


def test_a_claim_may_change_its_amount_and_its_policy() -> None:
    account = funded(100)
    spend(account, 70)
    dispute = claim(100, kind=Clawback.Kind.DISPUTE)
    claw_back(account, dispute, kind=Entry.Kind.DISPUTE)
    claw_back(account, claim(50, "debt", id=dispute.id, kind=Clawback.Kind.DISPUTE), kind=Entry.Kind.DISPUTE)
    assert clawback_of(dispute) == (30, 0, 20, 0)
    assert numbers(account) == (-20, 0, 20)


def test_more_than_the_lot_had_is_refused() -> None:
    account = funded(100)
    with pytest.raises(InvalidEntry):
        claw_back(account, claim(60), claim("40.000001"))
    assert numbers(account) == (100, 0, 0)
    assert not Clawback.objects.exists()


def test_a_claim_stands_on_one_lot_only() -> None:
    account = funded(10)
    other = grant(account, 10, key="other").lot_id
    refund = claim(6)
    claw_back(account, refund)
    with pytest.raises(KeyConflict):
        claw_back(account, refund, lot=other)
    assert left(account) == [4, 10]
    somebody = funded(10)
    with pytest.raises(KeyConflict):
        claw_back(somebody, claim(1), refund)
    assert (left(somebody), clawback_of(refund)) == ([10], (6, 0, 0, 0))
    assert list(find_violations()) == []


def test_a_lot_of_another_account_or_of_none_is_refused() -> None:
    account, other = funded(10), funded(10)
    for somebody, lot in (
        (account, other.lots.get().pk),
        (account, 0),
        (Account(id=uuid.uuid4()), other.lots.get().pk),
    ):
        with pytest.raises(UnknownLot):
            claw_back(somebody, claim(1), lot=lot)
    assert numbers(other) == (10, 0, 0)
