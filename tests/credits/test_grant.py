"""`ledger.grant`: one fact, one entry, one lot, and a refusal for everything else."""

from __future__ import annotations

import datetime
import uuid
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from credits.amounts import LARGEST
from credits.errors import InvalidAmount, InvalidEntry, KeyConflict, UnknownAccount
from credits.ledger import operations as ledger
from credits.ledger.models import Account, Entry, Lot, Movement
from credits.ledger.results import Grant
from credits.proof.checking import find_violations
from tests.credits.builders import grant, open_account
from tests.support.builders import UserFactory

pytestmark = pytest.mark.django_db

NEXT_YEAR = datetime.datetime(2027, 11, 21, 12, tzinfo=datetime.UTC)


def test_a_grant_writes_balance_lot_and_entry() -> None:
    account = open_account()
    granted = grant(
        account,
        "5000.000001",
        key="purchase:7",
        reference="order 7",
        metadata={"package": "pro"},
        cost=ledger.Cost(4500, "usd"),
        expires_at=NEXT_YEAR,
    )

    account.refresh_from_db()
    entry, lot = Entry.objects.get(), Lot.objects.get()
    amount = Decimal("5000.000001")
    assert granted == Grant(entry.pk, lot.pk, amount, amount, repeated=False)
    assert (account.balance, account.held, account.version) == (amount, 0, 1)
    assert (entry.amount, entry.balance_after, entry.version) == (amount, amount, 1)
    assert (entry.kind, entry.key, entry.reference) == ("purchase", "purchase:7", "order 7")
    assert entry.metadata == {"package": "pro"}
    assert (lot.amount, lot.remaining, lot.promotional) == (amount, amount, False)
    assert (lot.cost_minor, lot.currency, lot.expires_at, lot.reference) == (
        4500,
        "usd",
        NEXT_YEAR,
        "order 7",
    )
    assert (entry.movements, entry.owed) == ([Movement(lot.pk, amount)], 0)
    assert list(find_violations()) == []


def test_each_grant_goes_on_from_the_one_before() -> None:
    account = open_account()
    grants = [grant(account, amount, key=f"fact:{amount}") for amount in (1, 20, 300)]
    assert [granted.balance_after for granted in grants] == [1, 21, 321]
    assert list(Entry.objects.order_by("id").values_list("version", "balance_after")) == [
        (1, Decimal(1)),
        (2, Decimal(21)),
        (3, Decimal(321)),
    ]


def test_the_same_key_with_the_same_arguments_gives_the_first_result_again() -> None:
    account = open_account()
    arguments: dict[str, Any] = {
        "key": "fact:1",
        "reference": "r",
        "metadata": {"a": 1, "b": [2]},
        "cost": ledger.Cost(1000, "usd"),
        "expires_at": NEXT_YEAR,
    }
    first = grant(account, "7.5", **arguments)
    grant(account, 100, key="fact:2")

    again = grant(account, "7.500", **{**arguments, "metadata": {"b": [2], "a": 1}})

    assert again == Grant(first.entry_id, first.lot_id, Decimal("7.5"), Decimal("7.5"), repeated=True)
    assert Entry.objects.count() == Lot.objects.count() == 2
    account.refresh_from_db()
    assert (account.balance, account.version) == (Decimal("107.5"), 2)


@pytest.mark.parametrize(
    "other",
    [
        {"amount": "100.000001"},
        {"kind": Entry.Kind.PROMOTION},
        {"reference": "another"},
        {"metadata": {"package": "another"}},
        {"cost": ledger.Cost(1001, "usd")},
        {"cost": ledger.Cost(1000, "eur")},
        {"cost": None},
        {"cost": None, "promotional": True},
        {"expires_at": NEXT_YEAR + datetime.timedelta(seconds=1)},
        {"expires_at": None},
    ],
    ids=str,
)
def test_the_same_key_with_another_argument_is_a_conflict_and_changes_nothing(other: dict[str, Any]) -> None:
    account = open_account()
    arguments: dict[str, Any] = {
        "amount": 100,
        "key": "fact:1",
        "reference": "r",
        "metadata": {"package": "pro"},
        "cost": ledger.Cost(1000, "usd"),
        "expires_at": NEXT_YEAR,
    }
    grant(account, **arguments)
    with pytest.raises(KeyConflict) as conflict:
        grant(account, **{**arguments, **other})
    assert (conflict.value.code, conflict.value.status) == ("key_conflict", 409)
    assert conflict.value.params == {"account": str(account.pk), "key": "fact:1"}
    account.refresh_from_db()
    assert (account.balance, account.version) == (Decimal(100), 1)
    assert Entry.objects.count() == Lot.objects.count() == 1


def test_a_key_belongs_to_its_account() -> None:
    one, other = open_account(), open_account()
    grant(one, 1, key="fact:1")
    assert not grant(other, 2, key="fact:1").repeated
    assert Entry.objects.filter(key="fact:1").count() == 2


@pytest.mark.parametrize("amount", ["NaN", "Infinity", "0", "-1", "1.0000001", "1E+18"])
def test_a_grant_of_no_valid_amount_writes_nothing(amount: str) -> None:
    account = open_account()
    with pytest.raises(InvalidAmount):
        grant(account, amount)
    assert not Entry.objects.exists()


def test_the_largest_and_the_smallest_amount_are_kept_exactly() -> None:
    account = open_account()
    assert grant(account, str(LARGEST), key="largest").balance_after == LARGEST
    other = open_account()
    assert grant(other, "0.000001", key="smallest").balance_after == Decimal("0.000001")
    assert list(find_violations()) == []


def test_many_small_grants_add_up_without_drift() -> None:
    account = open_account()
    for number in range(30):
        grant(account, "0.1", key=f"fact:{number}")
    account.refresh_from_db()
    assert account.balance == Decimal(3)


def test_an_unknown_account_is_refused() -> None:
    unknown = Account(id=uuid.uuid4())
    with pytest.raises(UnknownAccount) as refusal:
        grant(unknown)
    assert (refusal.value.code, refusal.value.status) == ("unknown_account", 404)
    assert refusal.value.params == {"account": str(unknown.pk)}


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"key": ""}, "A key is required"),
        ({"key": "k" * 201}, "200 characters"),
        ({"reference": "r" * 201}, "200 characters"),
        ({"promotional": True, "cost": ledger.Cost(1000, "usd")}, "no cost"),
    ],
)
def test_a_grant_that_cannot_be_is_refused_before_the_database_sees_it(
    wrong: dict[str, Any], reason: str
) -> None:
    with pytest.raises(InvalidEntry, match=reason) as refusal:
        grant(open_account(), **wrong)
    assert (refusal.value.code, refusal.value.status) == ("invalid_entry", 400)
    assert not Entry.objects.exists()


def test_a_grant_rolls_back_with_the_fact_that_it_books() -> None:
    account = open_account()
    with transaction.atomic():
        grant(account)
        transaction.set_rollback(True)
    account.refresh_from_db()
    assert (account.balance, account.version) == (0, 0)
    assert not Entry.objects.exists()
    assert not Lot.objects.exists()
    assert not grant(account).repeated


@pytest.mark.parametrize("earlier", [0, 1, 40])
def test_a_grant_is_one_statement_whatever_the_ledgers_length(earlier: int) -> None:
    account = open_account()
    for number in range(earlier):
        grant(account, key=f"earlier:{number}")
    for _ in range(2):  # new, then repeated
        with CaptureQueriesContext(connection) as statements:
            grant(account, key="fact:1")
        assert len(statements) == 1


def test_an_owner_has_one_account() -> None:
    user = UserFactory.create()
    assert ledger.open_account(user) == ledger.open_account(user)
    assert Account.objects.get().owner == user


def test_erasing_a_person_leaves_the_books_whole() -> None:
    account = open_account()
    grant(account, 70)
    assert account.owner is not None
    account.owner.delete()
    account.refresh_from_db()
    assert (account.owner_id, account.balance) == (None, Decimal(70))
    assert list(find_violations()) == []
