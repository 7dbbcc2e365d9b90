"""The database's half of each invariant: what raw SQL that goes around the ledger is refused, and by which guard."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from django.db import IntegrityError, ProgrammingError, connection, transaction

from accounts.teams.models import Team
from credits.errors import InsufficientCredits
from credits.ledger import operations as ledger
from credits.ledger.models import Account, Clawback, Entry, Hold, Lot
from credits.proof.checking import find_violations
from tests.credits.builders import claim, claw_back, grant, open_account
from tests.credits.writes_by_hand import REFUSED, RELEASE, booking, clawback, entry, holding

pytestmark = pytest.mark.django_db

HOUR = datetime.timedelta(hours=1)
NEVER_DELETED = ["credits_account", "credits_lot", "credits_hold", "credits_clawback"]


@dataclass(frozen=True)
class Books:
    """An account with one grant of 100 of which 30 are held, and another account with one grant of 50."""

    account: Account
    entry: Entry
    lot: Lot
    other: Account
    other_entry: Entry
    other_lot: Lot
    hold: Hold

    @property
    def names(self) -> dict[str, Any]:
        """The ids of the rows, for statements."""
        return {name: row.pk for name, row in vars(self).items()}


@pytest.fixture
def books() -> Books:
    rows: list[Any] = []
    for amount in (100, 50):
        account = open_account()
        granted = grant(account, amount)
        account.refresh_from_db()
        rows += [account, Entry.objects.get(pk=granted.entry_id), Lot.objects.get(pk=granted.lot_id)]
    held = ledger.hold(rows[0].pk, Decimal(30), key="work:1", expires_in=HOUR)
    # What was deferred so far has been checked, so that only the test's own statement can be refused.
    run("SET CONSTRAINTS ALL IMMEDIATE; SET CONSTRAINTS ALL DEFERRED")
    rows.append(Hold.objects.get(pk=held.id))
    return Books(*rows)


def run(statements: str, names: dict[str, Any] | None = None) -> None:
    with connection.cursor() as cursor:
        for statement in filter(None, map(str.strip, statements.split(";"))):
            cursor.execute(statement, names)


def refused_by(statements: str, names: dict[str, Any]) -> str:
    """The name of the constraint that refuses the statements, at once or when their transaction commits."""
    with pytest.raises(IntegrityError) as refusal, transaction.atomic():
        run(f"{statements}; SET CONSTRAINTS ALL IMMEDIATE", names)  # as a commit does
    assert isinstance(refusal.value.__cause__, psycopg.Error)
    return str(refusal.value.__cause__.diag.constraint_name)


def test_a_booking_by_hand_that_keeps_every_rule_is_accepted_and_sealed(books: Books) -> None:
    """Otherwise the refusals below could have another cause than the one thing that is wrong."""
    run(booking(), books.names)
    run("SET CONSTRAINTS ALL IMMEDIATE")
    assert Account.objects.get(pk=books.account.pk).balance == 110
    assert list(find_violations()) == []


def test_a_debt_by_hand_that_keeps_every_rule_is_accepted(books: Books) -> None:
    owing = (
        "UPDATE credits_account SET balance = -5, debt = 35, version = 2 WHERE id = %(account)s;"
        "UPDATE credits_lot SET remaining = 30 WHERE id = %(lot)s;"
        + entry(
            version=2,
            amount=-105,
            after=-5,
            owed=35,
            lots="ARRAY[%(lot)s]",
            moved="ARRAY[-70]",
            key="'fact:2'",
        )
    )
    run(owing, books.names)
    run("SET CONSTRAINTS ALL IMMEDIATE")
    assert list(find_violations()) == []


def test_a_clawback_by_hand_that_keeps_every_rule_is_accepted(books: Books) -> None:
    run(clawback(amount=0), books.names)
    run("SET CONSTRAINTS ALL IMMEDIATE")
    assert list(find_violations()) == []


def test_a_hold_by_hand_that_keeps_every_rule_is_accepted(books: Books) -> None:
    run(holding(), books.names)
    run("SET CONSTRAINTS ALL IMMEDIATE")
    assert Account.objects.get(pk=books.account.pk).held == 50
    assert list(find_violations()) == []


def test_a_release_by_hand_that_keeps_every_rule_is_accepted(books: Books) -> None:
    run(RELEASE.format(held=0, lot_held=0, remaining=0, pinned="ARRAY[0]", closed="now()"), books.names)
    run("SET CONSTRAINTS ALL IMMEDIATE")
    assert list(find_violations()) == []


@pytest.mark.parametrize(("statements", "guard"), REFUSED.values(), ids=REFUSED.keys())
def test_the_database_refuses(books: Books, statements: str, guard: str) -> None:
    assert refused_by(statements, books.names) == guard
    assert list(find_violations()) == []


def test_every_constraint_of_the_ledger_refuses_something_above() -> None:
    declared = {
        constraint.name
        for model in (Account, Clawback, Entry, Hold, Lot)
        for constraint in model._meta.constraints
    }
    assert declared <= {guard for _, guard in REFUSED.values()}


def test_an_account_belongs_to_a_person_or_a_team_and_not_to_both(books: Books) -> None:
    team = Team.objects.create(name="Analytics")
    both = "UPDATE credits_account SET team_id = %(team)s WHERE id = %(account)s"
    assert refused_by(both, {**books.names, "team": team.pk}) == "credits_account_one_owner"


def test_an_owner_cannot_have_two_accounts(books: Books) -> None:
    with pytest.raises(IntegrityError, match="credits_account_owner_id"), transaction.atomic():
        Account.objects.create(owner=books.account.owner)


@pytest.mark.parametrize("change", ["UPDATE credits_entry SET amount = amount", "DELETE FROM credits_entry"])
def test_an_entry_is_never_changed_or_deleted(books: Books, change: str) -> None:
    with (
        pytest.raises(ProgrammingError, match="Cannot update or delete rows from credits_entry table"),
        transaction.atomic(),
    ):
        run(change)


@pytest.mark.parametrize("table", NEVER_DELETED)
def test_an_account_a_lot_a_hold_and_a_clawback_are_never_deleted(books: Books, table: str) -> None:
    claw_back(books.account, claim(1))
    with (
        pytest.raises(ProgrammingError, match=f"Cannot delete rows from {table} table"),
        transaction.atomic(),
    ):
        run(f"DELETE FROM {table}")


@pytest.mark.parametrize(
    "change",
    [
        "amount = amount + 1, remaining = remaining + 1",
        "cost_minor = 1",
        "currency = 'eur'",
        "promotional = NOT promotional, cost_minor = NULL",
        "account_id = %(other)s",
        "created_at = now() + interval '1 day'",
    ],
)
def test_a_lot_keeps_what_it_came_as(books: Books, change: str) -> None:
    names = {**books.names, "other": open_account().pk}
    with (
        pytest.raises(ProgrammingError, match="Cannot update rows from credits_lot table"),
        transaction.atomic(),
    ):
        run(f"UPDATE credits_lot SET {change}", names)


@pytest.mark.parametrize(
    "change",
    [
        "amount = amount + 1",
        "key = 'another'",
        "overrun = 'debt'",
        "expires_in = '2 hours'",
        "created_at = now() + interval '1 day'",
    ],
)
def test_a_hold_keeps_what_it_came_as(books: Books, change: str) -> None:
    with (
        pytest.raises(ProgrammingError, match="Cannot update rows from credits_hold table"),
        transaction.atomic(),
    ):
        run(f"UPDATE credits_hold SET {change}", books.names)


@pytest.mark.parametrize("table", ["credits_entry", *NEVER_DELETED])
def test_no_table_of_the_ledger_is_ever_emptied(books: Books, table: str) -> None:
    with pytest.raises(ProgrammingError, match=f"Cannot truncate {table}"), transaction.atomic():
        run(f"TRUNCATE {table} CASCADE")


@pytest.mark.django_db(transaction=True)
def test_a_deferred_guard_refuses_the_commit_itself() -> None:
    account = open_account()
    block = transaction.atomic()
    block.__enter__()
    Account.objects.filter(pk=account.pk).update(balance=5)
    assert Account.objects.get(pk=account.pk).balance == 5  # nobody objects before the commit
    with pytest.raises(
        IntegrityError, match=r"its entries do not lead from 0\.000000 at version 0 to 5\.000000"
    ):
        block.__exit__(None, None, None)
    account.refresh_from_db()
    assert account.balance == 0


@pytest.mark.django_db(transaction=True)
def test_a_balance_changed_by_hand_and_put_back_is_refused_all_the_same() -> None:
    """Each change of the row answers for itself: between the two, a spend could have used what wasn't there."""
    account = open_account()
    grant(account, 100)
    block = transaction.atomic()
    block.__enter__()
    Account.objects.filter(pk=account.pk).update(balance=200)
    Account.objects.filter(pk=account.pk).update(balance=100)
    with pytest.raises(IntegrityError, match="its entries do not lead"):
        block.__exit__(None, None, None)


def test_the_guards_are_armed_again_after_each_operation_of_the_same_transaction(books: Books) -> None:
    """The ledger tells the triggers to leave its own rows to the last one; that must not last."""
    ledger.spend(books.account.pk, Decimal(1), key="a")
    ledger.spend_many([ledger.SpendOrder(books.account.pk, Decimal(1), "b")])
    claw_back(books.account, claim(1))
    ledger.transfer(books.account.pk, books.other.pk, Decimal(1), key="d")
    ledger.capture(books.hold.account_id, books.hold.pk, Decimal(1), key="e", close=False)
    ledger.release(books.hold.account_id, books.hold.pk)
    claw_back(books.account)
    with pytest.raises(InsufficientCredits):
        ledger.spend(books.account.pk, Decimal(1000), key="f")
    run("SET CONSTRAINTS ALL IMMEDIATE; SET CONSTRAINTS ALL DEFERRED")
    for change, guard in (
        (
            "UPDATE credits_account SET balance = balance + 1 WHERE id = %(account)s",
            "credits_balance_equals_entries",
        ),
        ("UPDATE credits_account SET held = 1 WHERE id = %(account)s", "credits_held_equals_open_holds"),
        (
            "UPDATE credits_lot SET remaining = remaining - 1 WHERE id = %(lot)s",
            "credits_balance_equals_lots",
        ),
    ):
        assert refused_by(change, books.names) == guard


@pytest.mark.parametrize("writer", ["ledger", "batch"])
def test_whoever_passes_for_the_ledger_gets_by_the_guard_and_is_found_by_the_proof(
    books: Books, writer: str
) -> None:
    """credits.writer is no secret. It keeps the honest from mistakes; the proof finds the others."""
    with transaction.atomic():
        run(f"SET LOCAL credits.writer = '{writer}'")
        run("UPDATE credits_lot SET remaining = remaining - 1 WHERE id = %(lot)s", books.names)
        if writer == "ledger":
            run("UPDATE credits_account SET balance = balance - 1 WHERE id = %(account)s", books.names)
        run("SET CONSTRAINTS ALL IMMEDIATE; SET CONSTRAINTS ALL DEFERRED")
    broken = {violation.invariant for violation in find_violations()}
    assert "lot_equals_its_movements" in broken
    assert ("balance_equals_entries" in broken) == (writer == "ledger")


def test_a_seal_that_somebody_else_brings_along_is_not_taken(books: Books) -> None:
    run(booking(hash=r"'\x00'"), books.names)
    run("SET CONSTRAINTS ALL IMMEDIATE")
    assert list(find_violations()) == []


@pytest.mark.parametrize("writer", ["ledger", "batch"])
def test_a_wrong_seal_of_the_ledgers_own_is_found_by_the_proof(books: Books, writer: str) -> None:
    with transaction.atomic():
        run(f"SET LOCAL credits.writer = '{writer}'")
        run(booking(hash=r"'\x00'"), books.names)
        run("SET CONSTRAINTS ALL IMMEDIATE; SET CONSTRAINTS ALL DEFERRED")
    assert {violation.invariant for violation in find_violations()} == {"entry_is_sealed"}


def test_a_batch_that_leaves_its_account_behind_is_refused(books: Books) -> None:
    """The entry's own guard leaves it to the account's, which fires at commit."""
    assert (
        refused_by("SET LOCAL credits.writer = 'batch';" + booking(balance=111), books.names)
        == "credits_balance_equals_entries"
    )
