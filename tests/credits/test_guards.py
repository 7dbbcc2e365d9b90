"""The database's half of each invariant: what raw SQL that goes around the ledger is refused, and by which guard."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import psycopg
import pytest
from django.db import IntegrityError, ProgrammingError, connection, transaction

from credits.models import Account, Entry, Lot
from credits.proof import find_violations
from tests.credits.builders import grant, open_account

pytestmark = pytest.mark.django_db


@dataclass(frozen=True)
class Books:
    """An account with one grant of 100, and another account with one of 50."""

    account: Account
    entry: Entry
    lot: Lot
    other: Account
    other_entry: Entry
    other_lot: Lot

    @property
    def names(self) -> dict[str, Any]:
        return {
            "account": self.account.pk,
            "entry": self.entry.pk,
            "lot": self.lot.pk,
            "other": self.other.pk,
            "other_entry": self.other_entry.pk,
            "other_lot": self.other_lot.pk,
        }


@pytest.fixture
def books() -> Books:
    rows: list[Any] = []
    for amount in (100, 50):
        account = open_account()
        granted = grant(account, amount)
        account.refresh_from_db()
        rows += [account, Entry.objects.get(pk=granted.entry_id), Lot.objects.get(pk=granted.lot_id)]
    # What was deferred so far has been checked, so that only the test's own statement can be refused.
    run("SET CONSTRAINTS ALL IMMEDIATE; SET CONSTRAINTS ALL DEFERRED")
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


# An entry with its account, lot and movement as the ledger would write them, and one thing wrong each.
ENTRY = """
INSERT INTO credits_entry (account_id, version, kind, amount, balance_after, key, reference, metadata)
VALUES (%(account)s, {version}, 'purchase', {amount}, {after}, {key}, '', '{{}}')
"""
ACCOUNT = "UPDATE credits_account SET balance = {balance}, version = {version} WHERE id = %(account)s"
LOT = """
INSERT INTO credits_lot (account_id, amount, remaining, promotional, currency, reference)
VALUES (%(account)s, {amount}, {amount}, false, '', '')
"""
MOVEMENT = """
INSERT INTO credits_lotmovement (account_id, entry_id, lot_id, amount)
VALUES (%(account)s, (SELECT max(id) FROM credits_entry), (SELECT max(id) FROM credits_lot), {amount})
"""
MOVED = """
INSERT INTO credits_lotmovement (account_id, entry_id, lot_id, amount)
VALUES (%(account)s, (SELECT max(id) FROM credits_entry), %({lot})s, {amount})
"""


def booking(**wrong: Any) -> str:
    """A second grant of 10 by hand; right, unless told otherwise."""
    facts: dict[str, Any] = {"version": 2, "amount": 10, "after": 110, "balance": 110, "key": "'fact:2'"}
    facts.update({"lot": 10, "moved": 10, **wrong})
    account = ACCOUNT.format(balance=facts["balance"], version=wrong.get("account_version", facts["version"]))
    movement = MOVEMENT.format(amount=facts["moved"])
    return ";".join([account, ENTRY.format(**facts), LOT.format(amount=facts["lot"]), movement])


def test_a_booking_by_hand_that_keeps_every_rule_is_accepted(books: Books) -> None:
    """Otherwise the refusals below could have another cause than the one thing that is wrong."""
    run(booking(), books.names)
    run("SET CONSTRAINTS ALL IMMEDIATE")
    assert Account.objects.get(pk=books.account.pk).balance == 110


REFUSED = {
    "a balance below what is held": (
        "UPDATE credits_account SET held = 100.000001 WHERE id = %(account)s",
        "credits_account_no_overdraft",
    ),
    "a balance below zero": (
        "UPDATE credits_account SET balance = -0.000001 WHERE id = %(account)s",
        "credits_account_no_overdraft",
    ),
    "less than nothing held": (
        "UPDATE credits_account SET held = -0.000001 WHERE id = %(account)s",
        "credits_account_held_not_negative",
    ),
    "a version below zero": (
        "UPDATE credits_account SET version = -1 WHERE id = %(account)s",
        "credits_account_version_not_negative",
    ),
    "a balance that its entries don't have": (
        "UPDATE credits_account SET balance = balance + 1 WHERE id = %(account)s",
        "credits_balance_equals_entries",
    ),
    "a version that its entries don't have": (
        "UPDATE credits_account SET version = version + 1 WHERE id = %(account)s",
        "credits_balance_equals_entries",
    ),
    "a new account with a balance from nowhere": (
        "INSERT INTO credits_account (id, balance) VALUES (gen_random_uuid(), 5)",
        "credits_balance_equals_entries",
    ),
    "an entry that its account doesn't know of": (
        ENTRY.format(version=2, amount=10, after=110, key="'fact:2'")
        + ";"
        + MOVED.format(lot="lot", amount=10),
        "credits_balance_equals_entries",
    ),
    "a balance that its lots don't have": (
        "UPDATE credits_lot SET remaining = remaining - 1 WHERE id = %(lot)s",
        "credits_balance_equals_lots",
    ),
    "a lot from nowhere": (LOT.format(amount=10), "credits_balance_equals_lots"),
    "an entry whose lot has less": (booking(lot=9), "credits_balance_equals_lots"),
    "a lot of nothing": (LOT.format(amount=0), "credits_lot_amount_positive"),
    "a lot with less than nothing left": (
        "UPDATE credits_lot SET remaining = -1 WHERE id = %(lot)s",
        "credits_lot_remaining_within_amount",
    ),
    "a lot with more left than it ever had": (
        "UPDATE credits_lot SET remaining = 100.000001 WHERE id = %(lot)s",
        "credits_lot_remaining_within_amount",
    ),
    "a promotional lot that was paid for": (
        "INSERT INTO credits_lot (account_id, amount, remaining, promotional, cost_minor, currency, reference)"
        " VALUES (%(account)s, 1, 1, true, 1, '', '')",
        "credits_lot_promotional_costs_nothing",
    ),
    "two entries at one version": (booking(version=1, account_version=2), "credits_entry_one_per_version"),
    "two entries under one key": (booking(key="'fact:1'"), "credits_entry_one_per_key"),
    "an entry of nothing": (booking(amount=0), "credits_entry_amount_not_zero"),
    "an entry without a key": (booking(key="''"), "credits_entry_has_a_key"),
    "an entry that leaves out a version": (booking(version=3), "credits_entry_continues_the_balance"),
    "an entry that doesn't go on from the balance before": (
        booking(amount=9, moved=9),
        "credits_entry_continues_the_balance",
    ),
    "an entry put before the first": (
        ENTRY.format(version=0, amount=10, after=10, key="'fact:0'"),
        "credits_entry_continues_the_balance",
    ),
    "an entry that its movements don't add up to": (booking(moved=9), "credits_entry_equals_movements"),
    "an entry without movements": (
        ";".join(booking().split(";")[:-1]),
        "credits_entry_equals_movements",
    ),
    "a movement of nothing": (
        MOVED.format(lot="other_lot", amount=0),
        "credits_movement_amount_not_zero",
    ),
    "two movements of one entry in one lot": (
        "INSERT INTO credits_lotmovement (account_id, entry_id, lot_id, amount)"
        " VALUES (%(account)s, %(entry)s, %(lot)s, 1)",
        "credits_movement_one_per_entry_and_lot",
    ),
    "an entry that touches another account's lot": (
        booking().replace("(SELECT max(id) FROM credits_lot)", "%(other_lot)s"),
        "credits_movement_within_one_account",
    ),
    "a movement of another account's entry": (
        "INSERT INTO credits_lotmovement (account_id, entry_id, lot_id, amount)"
        " VALUES (%(account)s, %(other_entry)s, %(lot)s, 1)",
        "credits_movement_within_one_account",
    ),
    "a movement that names another account": (
        "INSERT INTO credits_lotmovement (account_id, entry_id, lot_id, amount)"
        " VALUES (%(other)s, %(entry)s, %(other_lot)s, 1)",
        "credits_movement_within_one_account",
    ),
}


@pytest.mark.parametrize(("statements", "guard"), REFUSED.values(), ids=REFUSED.keys())
def test_the_database_refuses(books: Books, statements: str, guard: str) -> None:
    assert refused_by(statements, books.names) == guard
    assert list(find_violations()) == []


def test_a_movement_added_to_an_old_entry_is_refused(books: Books) -> None:
    later = grant(books.account, 10, key="fact:2")
    run("SET CONSTRAINTS ALL IMMEDIATE; SET CONSTRAINTS ALL DEFERRED")
    added = (
        "INSERT INTO credits_lotmovement (account_id, entry_id, lot_id, amount)"
        " VALUES (%(account)s, %(entry)s, %(later)s, 1)"
    )
    assert refused_by(added, {**books.names, "later": later.lot_id}) == "credits_entry_equals_movements"


def test_an_owner_cannot_have_two_accounts(books: Books) -> None:
    with pytest.raises(IntegrityError, match="credits_account_owner_id"), transaction.atomic():
        Account.objects.create(owner=books.account.owner)


@pytest.mark.parametrize("table", ["credits_entry", "credits_lotmovement"])
@pytest.mark.parametrize("change", ["UPDATE {table} SET amount = amount", "DELETE FROM {table}"])
def test_what_was_appended_is_never_changed_or_deleted(books: Books, table: str, change: str) -> None:
    with (
        pytest.raises(ProgrammingError, match=f"Cannot update or delete rows from {table} table"),
        transaction.atomic(),
    ):
        run(change.format(table=table))


@pytest.mark.parametrize("table", ["credits_account", "credits_lot"])
@pytest.mark.parametrize("change", ["DELETE FROM {table}"])
def test_an_account_and_a_lot_are_never_deleted(books: Books, table: str, change: str) -> None:
    with (
        pytest.raises(ProgrammingError, match=f"Cannot delete rows from {table} table"),
        transaction.atomic(),
    ):
        run(change.format(table=table))


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


@pytest.mark.parametrize("table", ["credits_account", "credits_lot", "credits_entry", "credits_lotmovement"])
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
    with pytest.raises(IntegrityError, match="is not that of its last entry"):
        block.__exit__(None, None, None)
    account.refresh_from_db()
    assert account.balance == 0


@pytest.mark.django_db(transaction=True)
def test_the_guards_of_a_booking_can_be_broken_in_between_and_hold_at_the_end() -> None:
    """What makes a later spend or transfer possible: the rules are those of the transaction, not of each statement."""
    account = open_account()
    with transaction.atomic():
        grant(account, 100)
        Account.objects.filter(pk=account.pk).update(balance=0)
        Account.objects.filter(pk=account.pk).update(balance=100)
    account.refresh_from_db()
    assert account.balance == 100
