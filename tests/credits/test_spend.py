"""`ledger.spend`: which lots pay, what is refused, and that a repeat changes nothing."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from credits.amounts import LARGEST
from credits.errors import InsufficientCredits, InvalidAmount, InvalidEntry, KeyConflict, UnknownAccount
from credits.ledger import operations as ledger
from credits.ledger.models import Account, Entry, Movement
from credits.ledger.results import Spend
from credits.proof.checking import find_violations
from tests.credits.builders import (
    funded,
    grant,
    hold,
    left,
    let_hold_run_out,
    let_lot_expire,
    numbers,
    open_account,
    soon,
    spend,
)
from tests.credits.round_trips import round_trips

pytestmark = pytest.mark.django_db

SPRING, SUMMER = datetime(2030, 3, 1, tzinfo=UTC), datetime(2030, 7, 1, tzinfo=UTC)


def test_a_spend_takes_its_amount_from_a_lot_and_writes_one_entry() -> None:
    account = open_account()
    granted = grant(account, "10.5")

    spent = spend(account, "2.000001", key="work:7", reference="job 7", metadata={"model": "large"})

    entry = Entry.objects.latest("id")
    assert spent == Spend(entry.pk, 2, Decimal("2.000001"), Decimal("8.499999"), Decimal(0), repeated=False)
    assert spent.available == Decimal("8.499999")
    assert numbers(account) == (Decimal("8.499999"), 0, 0)
    assert (entry.version, entry.amount, entry.balance_after) == (
        2,
        Decimal("-2.000001"),
        Decimal("8.499999"),
    )
    assert (entry.kind, entry.key, entry.reference) == ("spend", "work:7", "job 7")
    assert entry.metadata == {"model": "large"}
    assert entry.movements == [Movement(granted.lot_id, Decimal("-2.000001"))]
    assert list(find_violations()) == []


# --- Which lots pay -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"expires_at": SPRING}, {"expires_at": SUMMER}),
        ({"expires_at": SUMMER}, {}),
        ({"promotional": True}, {}),
        ({"expires_at": SPRING, "promotional": True}, {"expires_at": SPRING}),
        ({"expires_at": SPRING}, {"expires_at": SUMMER, "promotional": True}),
        ({"expires_at": SPRING}, {"promotional": True}),
    ],
    ids=str,
)
@pytest.mark.parametrize("newer_first", [False, True], ids=["older", "newer"])
def test_the_lot_that_expires_first_pays_first_and_then_promotional_before_paid(
    first: dict[str, Any], second: dict[str, Any], newer_first: bool
) -> None:
    account = open_account()
    for name, lot in sorted({"a": first, "b": second}.items(), reverse=newer_first):
        grant(account, 10, key=name, **lot)
    pays = Entry.objects.get(account=account, key="a").lots[0]
    waits = Entry.objects.get(account=account, key="b").lots[0]

    spend(account, 4, key="part")
    assert Entry.objects.latest("id").movements == [Movement(pays, Decimal(-4))]
    spend(account, 10, key="rest")
    assert Entry.objects.latest("id").movements == [Movement(pays, Decimal(-6)), Movement(waits, Decimal(-4))]
    assert list(find_violations()) == []


def test_of_two_equal_lots_the_older_pays() -> None:
    account = open_account()
    grant(account, 10, key="older")
    grant(account, 10, key="newer")
    spend(account, 4)
    assert left(account) == [6, 10]


def test_a_spend_may_empty_many_lots() -> None:
    account = open_account()
    for number in range(30):
        grant(account, "0.1", key=f"fact:{number}")
    spend(account, "2.95")
    assert left(account) == [0] * 29 + [Decimal("0.05")]
    assert Entry.objects.latest("id").moved == [Decimal("-0.1")] * 29 + [Decimal("-0.05")]
    assert list(find_violations()) == []


def test_a_lot_past_its_expiry_pays_nothing_though_the_job_has_not_run() -> None:
    account = open_account()
    let_lot_expire(grant(account, 10, key="gone").lot_id)
    grant(account, 4, key="here")

    with pytest.raises(InsufficientCredits) as refusal:
        spend(account, 5, key="too much")
    assert refusal.value.params["missing"] == 1
    spend(account, 4)
    assert left(account) == [10, 0]
    assert numbers(account) == (10, 0, 0)  # the job will take these out
    assert list(find_violations()) == []


def test_what_is_held_is_not_there_to_spend() -> None:
    account = funded(10)
    hold(account, 7)
    with pytest.raises(InsufficientCredits) as refusal:
        spend(account, "3.000001")
    assert refusal.value.params["missing"] == Decimal("0.000001")
    assert spend(account, 3).available == 0
    assert list(find_violations()) == []


def test_a_lot_that_a_hold_has_pinned_in_part_pays_the_rest() -> None:
    account = open_account()
    grant(account, 10, key="first", expires_at=soon(days=1))
    grant(account, 10, key="second")
    hold(account, 7)
    spend(account, 5)
    assert left(account) == [7, 8]


def test_a_hold_whose_time_has_passed_frees_its_credits_though_the_job_has_not_run() -> None:
    account = funded(10)
    let_hold_run_out(hold(account, 7))
    assert spend(account, 10) == Spend(
        Entry.objects.latest("id").pk, 2, Decimal(10), Decimal(0), Decimal(0), repeated=False
    )
    assert account.holds.get().status == "expired"
    assert list(find_violations()) == []


def test_a_hold_that_ran_out_does_not_bring_back_a_lot_that_expired_meanwhile() -> None:
    account = funded(10)
    held = hold(account, 7)
    let_lot_expire(account.lots.get().pk)
    let_hold_run_out(held)
    with pytest.raises(InsufficientCredits) as refusal:
        spend(account, 1)
    assert refusal.value.params["missing"] == 1


# --- What is refused ------------------------------------------------------------------------------------------------


def test_a_spend_of_more_than_there_is_takes_nothing_and_says_what_is_missing() -> None:
    account = funded("2.5")
    with pytest.raises(InsufficientCredits) as refusal:
        spend(account, "2.500001")
    assert (refusal.value.code, refusal.value.status) == ("insufficient_credits", 402)
    assert refusal.value.params == {
        "account": account.pk,
        "amount": Decimal("2.500001"),
        "missing": Decimal("0.000001"),
        "balance": Decimal("2.5"),
        "held": Decimal(0),
    }
    assert numbers(account) == (Decimal("2.5"), 0, 0)
    assert Entry.objects.count() == 1
    assert spend(account, "2.5").balance_after == 0


def test_a_key_that_was_refused_is_free() -> None:
    account = funded(1)
    with pytest.raises(InsufficientCredits):
        spend(account, 2)
    grant(account, 1, key="more")
    assert not spend(account, 2).repeated


def test_an_unknown_account_is_refused() -> None:
    with pytest.raises(UnknownAccount):
        spend(Account(id=uuid.uuid4()), 1)


@pytest.mark.parametrize("amount", ["NaN", "Infinity", "0", "-1", "1.0000001", "1E+18", "1E+30"])
def test_a_spend_of_no_valid_amount_is_refused(amount: str) -> None:
    with pytest.raises(InvalidAmount):
        spend(funded(10), amount)


def test_metadata_that_names_a_hold_is_refused_because_only_a_capture_is_spent_on_one() -> None:
    account = funded(10)
    held = hold(account, 5)
    with pytest.raises(InvalidEntry, match="'hold'"):
        spend(account, 1, metadata={"hold": str(held.id)})


@pytest.mark.parametrize("amount", [LARGEST, Decimal(1234567890123456789) / 10, Decimal("0.000001")])
def test_large_and_small_amounts_are_exact(amount: Decimal) -> None:
    account = funded(str(LARGEST))
    assert spend(account, str(amount)).balance_after == LARGEST - amount
    assert left(account) == [LARGEST - amount]
    assert list(find_violations()) == []


# --- Repeats --------------------------------------------------------------------------------------------------------


def test_a_repeat_gives_the_first_result_again_even_when_nothing_is_left() -> None:
    account = funded(10)
    arguments: dict[str, Any] = {"reference": "r", "metadata": {"a": 1, "b": [2]}}
    first = spend(account, "6.5", **arguments)
    spend(account, 3, key="work:2")

    again = spend(account, "6.500", **{**arguments, "metadata": {"b": [2], "a": 1}})

    assert again == Spend(first.entry_id, 2, Decimal("6.5"), Decimal("3.5"), Decimal(0), repeated=True)
    assert numbers(account) == (Decimal("0.5"), 0, 0)
    assert Entry.objects.count() == 3
    assert list(find_violations()) == []


def test_a_repeat_changes_nothing_where_there_would_be_enough_for_a_second() -> None:
    account = funded(100)
    spend(account, 10)
    assert spend(account, 10).repeated
    assert numbers(account) == (90, 0, 0)
    account.refresh_from_db()
    assert account.version == 2
    assert list(find_violations()) == []


@pytest.mark.parametrize(
    "other",
    [
        {"amount": "10.000001"},
        {"amount": 9},
        {"reference": "another"},
        {"metadata": {"a": 2}},
        {"metadata": None},
        {"kind": Entry.Kind.ADJUSTMENT},
        {"key": "funds"},
    ],
    ids=str,
)
@pytest.mark.parametrize("funds", [10, 100], ids=["nothing left", "enough left"])
def test_a_key_that_stands_for_something_else_is_a_conflict_and_changes_nothing(
    other: dict[str, Any], funds: int
) -> None:
    account = funded(funds)
    arguments: dict[str, Any] = {"amount": 10, "key": "work:1", "reference": "r", "metadata": {"a": 1}}
    spend(account, **arguments)
    with pytest.raises(KeyConflict) as conflict:
        spend(account, **{**arguments, **other})
    assert conflict.value.params == {"account": str(account.pk), "key": other.get("key", "work:1")}
    assert numbers(account) == (funds - 10, 0, 0)
    assert list(find_violations()) == []


def test_a_spend_rolls_back_with_the_fact_that_it_books() -> None:
    account = funded(10)
    with transaction.atomic():
        spend(account, 4)
        transaction.set_rollback(True)
    assert (numbers(account), left(account)) == ((10, 0, 0), [10])
    assert not spend(account, 4).repeated


# --- Cost -----------------------------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("earlier", [0, 200])
def test_a_spend_is_one_statement_and_one_round_trip_whatever_the_ledgers_length(earlier: int) -> None:
    account = funded(1000)
    ledger.spend_many([ledger.SpendOrder(account.pk, Decimal(1), f"earlier:{n}") for n in range(earlier)])
    spend(account, 1, key="the statement is prepared")
    assert round_trips(lambda: spend(account, 1, key="new")) == 1
    assert round_trips(lambda: spend(account, 1, key="new")) == 1
    with CaptureQueriesContext(connection) as statements:
        spend(account, 1, key="another")
    assert len(statements) == 1
