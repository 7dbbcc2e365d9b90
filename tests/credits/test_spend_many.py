"""`ledger.spend_many`: a batch is what its items would be one by one, in one statement."""

from __future__ import annotations

import uuid
from contextlib import suppress
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from credits.errors import (
    InsufficientCredits,
    InvalidAmount,
    InvalidEntry,
    KeyConflict,
    TooManyItems,
    UnknownAccount,
)
from credits.ledger import operations as ledger
from credits.ledger.models import Account, Entry, Lot
from credits.ledger.operations import SpendOrder
from credits.ledger.results import Outcome, SpendResult
from credits.proof.checking import find_violations
from tests.credits.builders import (
    claim,
    claw_back,
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
from tests.support.effort import effort

pytestmark = pytest.mark.django_db


def order(account: Account, amount: str | int, key: str, **arguments: Any) -> SpendOrder:
    return SpendOrder(account.pk, Decimal(amount), key, **arguments)


def outcomes(results: list[SpendResult]) -> list[str]:
    return [result.outcome.value for result in results]


def test_each_item_gets_its_own_result_in_its_place() -> None:
    one, other = funded(10), funded(5)
    nobody = Account(id=uuid.uuid4())
    earlier = spend(one, 2, key="earlier")

    results = ledger.spend_many(
        [
            order(other, 3, "a"),
            order(one, 4, "a", reference="r", metadata={"a": 1}),
            order(nobody, 1, "a"),
            order(one, 2, "earlier"),
            order(one, 3, "earlier"),
            order(other, "2.000001", "b"),
            order(one, 4, "b"),
            order(other, 2, "c"),
        ]
    )

    assert outcomes(results) == [
        "done",
        "done",
        "unknown_account",
        "repeated",
        "conflict",
        "insufficient",
        "done",
        "done",
    ]
    assert [result.balance_after for result in results] == [2, 4, None, 8, 8, 2, 0, 0]
    assert [result.missing for result in results] == [0, 0, 0, 0, 0, Decimal("0.000001"), 0, 0]
    assert results[3].entry_id == results[4].entry_id == earlier.entry_id
    entry = Entry.objects.get(account=one, key="a")
    assert entry.pk == results[1].entry_id
    assert (entry.amount, entry.reference, entry.metadata) == (-4, "r", {"a": 1})
    assert (numbers(one), numbers(other)) == ((0, 0, 0), (0, 0, 0))
    assert list(find_violations()) == []


def test_a_key_twice_in_a_batch_is_booked_once() -> None:
    account = funded(10)
    results = ledger.spend_many(
        [
            order(account, 20, "a"),  # refused, so the key is free
            order(account, 3, "a"),
            order(account, 3, "a"),
            order(account, 4, "a"),
            order(account, 3, "a", reference="another"),
        ]
    )
    assert outcomes(results) == ["insufficient", "done", "repeated", "conflict", "conflict"]
    assert len({result.entry_id for result in results[1:]}) == 1
    assert numbers(account) == (7, 0, 0)


def test_the_same_key_in_two_accounts_is_two_spends() -> None:
    one, other = funded(10), funded(10)
    assert outcomes(ledger.spend_many([order(one, 1, "a"), order(other, 2, "a")])) == ["done", "done"]


def test_a_whole_batch_repeated_changes_nothing() -> None:
    account = funded(10)
    batch = [order(account, 1, f"work:{number}") for number in range(5)]
    first, again = ledger.spend_many(batch), ledger.spend_many(batch)
    assert again == [replace(result, outcome=Outcome.REPEATED) for result in first]
    assert numbers(account) == (5, 0, 0)


def test_held_and_expired_credits_pay_for_no_batch() -> None:
    account = open_account()
    let_lot_expire(grant(account, 10, key="gone").lot_id)
    grant(account, 10, key="here")
    hold(account, 4)
    results = ledger.spend_many([order(account, 5, "a"), order(account, 2, "b"), order(account, 1, "c")])
    assert outcomes(results) == ["done", "insufficient", "done"]
    assert (results[1].missing, results[1].held) == (Decimal(1), Decimal(4))
    assert left(account) == [10, 4]


def test_a_hold_that_ran_out_pays_for_a_batch_though_the_job_has_not_run() -> None:
    account = funded(10)
    let_hold_run_out(hold(account, 8))
    assert outcomes(ledger.spend_many([order(account, 9, "a")])) == ["done"]
    assert list(find_violations()) == []


def test_an_account_that_owes_has_nothing_to_spend() -> None:
    account = funded(10)
    grant(account, 20, key="more")
    spend(account, 10)
    claw_back(account, claim(5, "debt"))
    results = ledger.spend_many([order(account, 15, "a"), order(account, 1, "b")])
    assert outcomes(results) == ["done", "insufficient"]
    assert numbers(account) == (0, 0, 0)


def test_an_empty_batch_is_nothing_and_more_than_a_thousand_are_refused() -> None:
    account = funded(2000)
    assert ledger.spend_many([]) == []
    batch = [order(account, 1, f"work:{number}") for number in range(1001)]
    with pytest.raises(TooManyItems) as refusal:
        ledger.spend_many(batch)
    assert refusal.value.params == {"items": 1001, "most": 1000}
    assert {result.outcome for result in ledger.spend_many(batch[:1000])} == {Outcome.DONE}
    assert numbers(account) == (1000, 0, 0)
    assert list(find_violations()) == []


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        ({"amount": Decimal("NaN")}, InvalidAmount),
        ({"amount": Decimal("1E+30")}, InvalidAmount),
        ({"amount": Decimal("1.0000001")}, InvalidAmount),
        ({"key": ""}, InvalidEntry),
        ({"metadata": {"hold": "h"}}, InvalidEntry),
    ],
    ids=str,
)
def test_an_item_that_can_be_no_spend_refuses_the_batch_and_is_named(
    wrong: dict[str, Any], error: type[InvalidEntry]
) -> None:
    account = funded(10)
    with pytest.raises(error) as refusal:
        ledger.spend_many([order(account, 1, "a"), replace(order(account, 1, "b"), **wrong)])
    assert refusal.value.params["item"] == 1
    assert numbers(account) == (10, 0, 0)


def test_large_and_small_amounts_are_exact() -> None:
    account = funded("999999999999999999.999999")
    results = ledger.spend_many(
        [order(account, "123456789012345678.900001", "a"), order(account, "0.000001", "b")]
    )
    assert results[1].balance_after == Decimal("876543210987654321.099997")
    assert list(find_violations()) == []


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("size", [1, 1000])
def test_a_batch_is_one_statement_and_one_round_trip(size: int) -> None:
    accounts = [funded(10_000) for _ in range(3)]

    def batch(name: str) -> list[SpendOrder]:
        return [order(accounts[n % 3], 1, f"{name}:{n}") for n in range(size)]

    ledger.spend_many(batch("the statement is prepared"))
    assert round_trips(lambda: ledger.spend_many(batch("new"))) == 1
    with CaptureQueriesContext(connection) as statements:
        ledger.spend_many(batch("another"))
    assert len(statements) == 1


# --- A batch against one by one -------------------------------------------------------------------------------------

AMOUNTS = st.sampled_from(["0.000001", "0.5", "1", "2.5", "3", "7", "40"])
LOTS = st.lists(
    st.tuples(AMOUNTS, st.sampled_from([None, -1, 1, 2]), st.booleans()), min_size=0, max_size=4
)  # amount, days until it expires, promotional
ITEMS = st.lists(
    st.tuples(
        st.integers(0, 2),
        AMOUNTS,
        st.sampled_from("abcdef"),
        st.sampled_from(["", "r"]),
        st.sampled_from([None, {"model": "small"}]),
    ),
    max_size=12,
)  # account (the last is nobody's), amount, key, reference, metadata


def stocked(lots: list[tuple[str, int | None, bool]], held: str | None, earlier: list[Any]) -> Account:
    account = open_account()
    for number, (amount, days, promotional) in enumerate(lots):
        granted = grant(account, amount, key=f"lot:{number}", promotional=promotional)
        Lot.objects.filter(pk=granted.lot_id).update(expires_at=soon(days=days) if days else None)
    for amount, key in earlier:
        one_by_one(order(account, amount, key))
    if held:
        with suppress(InsufficientCredits):
            hold(account, held)
    return account


def one_by_one(item: SpendOrder) -> tuple[Any, ...]:
    """What a spend by itself answers, in a batch's words."""
    try:
        done = ledger.spend(
            item.account_id, item.amount, key=item.key, reference=item.reference, metadata=item.metadata
        )
    except InsufficientCredits as refusal:
        return "insufficient", refusal.params["balance"], refusal.params["held"], refusal.params["missing"]
    except KeyConflict:
        return ("conflict",)
    except UnknownAccount:
        return ("unknown_account",)
    return "repeated" if done.repeated else "done", done.balance_after, done.held, Decimal(0)


def in_batch(result: SpendResult) -> tuple[Any, ...]:
    said = (result.outcome.value, result.balance_after, result.held, result.missing)
    return said[:1] if result.outcome in (Outcome.CONFLICT, Outcome.UNKNOWN_ACCOUNT) else said


def books_of(account: Account) -> Any:
    """All that the books say of an account but ids and times; its lots by their place."""
    account.refresh_from_db()
    places = {
        lot: place for place, lot in enumerate(account.lots.order_by("id").values_list("id", flat=True))
    }
    lots = list(account.lots.order_by("id").values_list("amount", "remaining", "held", "exhausted"))
    entries = [
        (
            e.version,
            e.kind,
            e.amount,
            e.balance_after,
            [places[lot] for lot in e.lots],
            e.moved,
            e.owed,
            e.key,
            e.reference,
            e.metadata,
        )
        for e in account.entries.order_by("version")
    ]
    holds = list(account.holds.values_list("status", "remaining", "pinned"))
    return account.balance, account.held, account.debt, account.version, lots, holds, entries


@settings(
    max_examples=effort(20, 600), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    lots=st.tuples(LOTS, LOTS),
    held=st.none() | AMOUNTS,
    earlier=st.lists(st.tuples(AMOUNTS, st.sampled_from("abc")), max_size=3),
    items=ITEMS,
)
def test_a_batch_is_exactly_its_items_one_by_one(lots: Any, held: Any, earlier: Any, items: Any) -> None:
    batched, single = ([stocked(stock, held, earlier) for stock in lots] for _ in range(2))
    nobody = Account(id=uuid.uuid4())
    batch, line = (
        [
            order([*accounts, nobody][who], amount, key, reference=reference, metadata=metadata)
            for who, amount, key, reference, metadata in items
        ]
        for accounts in (batched, single)
    )

    assert [in_batch(result) for result in ledger.spend_many(batch)] == [one_by_one(item) for item in line]

    assert [books_of(account) for account in batched] == [books_of(account) for account in single]
    assert list(find_violations()) == []
