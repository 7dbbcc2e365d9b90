"""`check_ledger` finds what got past the guards: a restored backup, a trigger switched off, a repair by hand."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from decimal import Decimal

import pytest
from django.db import connection

from credits.ledger import operations as ledger
from credits.ledger.models import Account, Entry, Lot
from credits.proof.checking import INVARIANTS, Violation, find_violations
from credits.proof.clawback_invariants import OF_CLAWBACKS
from credits.proof.invariants import OF_BOOKS
from tests.credits.builders import claim, claw_back, grant, hold, no_triggers, open_account, spend
from tests.credits.checking import check_ledger, run
from tests.support.emptying import empty_tables

WHOLE = f"The ledger is intact: {len(INVARIANTS)} invariants hold over 3 accounts, 6 lots, 12 entries.\n"


def keep_books() -> Account:
    """Two accounts with two grants each, a hold in the first, of which 10 of 30 are captured; gives the first. The
    second has given 10 to a third, to which 5 were given by mistake, and owes for a refund of what it spent.
    """
    accounts = [open_account(), open_account()]
    for account in accounts:
        grant(account, 110 if account is accounts[0] else 100, key="fact:1", cost=ledger.Cost(999, "usd"))
        grant(account, 20, key="fact:2")
    hold(accounts[0], 30).capture(Decimal(10), close=False)
    receiver = open_account()
    ledger.transfer(accounts[1].pk, receiver.pk, Decimal(10), key="gift")
    given = grant(receiver, 5, key="sorry", kind=Entry.Kind.ADJUSTMENT)
    ledger.undo(receiver.pk, given.entry_id, Decimal(-5), key="not sorry")
    spend(accounts[1], 60)
    claw_back(accounts[1], claim(100, "debt"))
    return accounts[0]


# For each invariant, a write that breaks it, and the constraint that would refuse it even in a restore. {a} is an
# account with 120 of which 20 are held, {first}, {last} and {lot} are its entries and first lot; {b} is another
# one, with a clawback and a gift.
CORRUPTIONS = [
    (
        "no_overdraft",
        "UPDATE credits_account SET held = 121 WHERE id = {a}",
        "credits_account_no_overdraft",
    ),
    (
        "no_overdraft",
        "UPDATE credits_account SET held = -1 WHERE id = {a}",
        "credits_account_no_overdraft",
    ),
    ("balance_equals_entries", "UPDATE credits_account SET balance = balance + 0.000001 WHERE id = {a}", ""),
    ("balance_equals_lots", "UPDATE credits_lot SET remaining = remaining - 0.000001 WHERE id = {lot}", ""),
    (
        "debt_equals_what_entries_owe",
        "UPDATE credits_account SET debt = 1 WHERE id = {a}",
        "",
    ),
    ("held_equals_open_holds", "UPDATE credits_account SET held = 1 WHERE id = {a}", ""),
    ("held_equals_open_holds", "UPDATE credits_lot SET held = 1 WHERE id = {lot}", ""),
    ("lot_pinned_by_its_holds", "UPDATE credits_lot SET held = 19 WHERE id = {lot}", ""),
    ("lot_pinned_by_its_holds", "UPDATE credits_hold SET lots = '{{0}}'", ""),
    ("hold_captured_what_was_spent_on_it", "UPDATE credits_hold SET captured = 9", ""),
    (
        "hold_captured_what_was_spent_on_it",
        "UPDATE credits_entry SET metadata = '{{}}' WHERE id = {last}",
        "",
    ),
    ("versions_without_gap", "UPDATE credits_account SET version = 4 WHERE id = {a}", ""),
    ("versions_without_gap", "UPDATE credits_entry SET version = 7 WHERE id = {last}", ""),
    ("versions_without_gap", "DELETE FROM credits_entry WHERE id = {first}", ""),
    ("entry_continues_the_balance", "UPDATE credits_entry SET balance_after = 99 WHERE id = {first}", ""),
    (
        "entry_equals_its_movements",
        "UPDATE credits_entry SET amount = 99 WHERE id = {first}",
        "",
    ),
    (
        "entry_equals_its_movements",
        "UPDATE credits_entry SET lots = '{{}}' WHERE id = {first}",
        "",
    ),
    (
        "lot_equals_its_movements",
        "UPDATE credits_entry SET lots = ARRAY[{lot}::bigint] WHERE version = 2",
        "",
    ),
    (
        "lot_equals_its_movements",
        "UPDATE credits_lot SET remaining = 60, amount = 100 WHERE account_id = {a}",
        "",
    ),
    (
        "lot_within_its_amount",
        "UPDATE credits_lot SET remaining = amount + 1 WHERE id = {lot}",
        "credits_lot_within_its_amount",
    ),
    ("movement_within_one_account", "UPDATE credits_entry SET lots = '{{0}}' WHERE id = {first}", ""),
    ("movement_within_one_account", "UPDATE credits_lot SET account_id = {b} WHERE id = {lot}", ""),
    ("entry_is_sealed", "UPDATE credits_entry SET key = 'another' WHERE id = {first}", ""),
    (
        "one_entry_per_key",
        "UPDATE credits_entry SET key = 'fact:1' WHERE account_id = {a}",
        "credits_entry_one_per_key",
    ),
    ("owes_only_while_nothing_is_free", "UPDATE credits_account SET debt = 1 WHERE id = {a}", ""),
    ("closed_account_has_nothing_free", "UPDATE credits_account SET closed_at = now() WHERE id = {a}", ""),
    ("clawbacks_are_what_was_booked", "UPDATE credits_clawback SET taken = taken - 1, waived = 1", ""),
    ("clawbacks_are_what_was_booked", "DELETE FROM credits_clawback", ""),
    ("clawbacks_come_to_what_stands", "UPDATE credits_clawback SET amount = amount - 1", ""),
    ("clawbacks_come_to_what_stands", "UPDATE credits_clawback SET pending = 1, owed = owed - 1", ""),
    (
        "gift_carries_its_cost",
        "UPDATE credits_lot SET cost_minor = 998 WHERE origin_lot IS NOT NULL",
        "",
    ),
    (
        "gift_carries_its_cost",
        "UPDATE credits_lot SET origin_account = {a} WHERE origin_lot IS NOT NULL",
        "",
    ),
    (
        "gift_knows_where_it_comes_from",
        "UPDATE credits_lot SET origin_lot = NULL WHERE origin_lot IS NOT NULL",
        "credits_lot_given_knows_its_origin",
    ),
    (
        "undo_takes_its_own_credits_first",
        "UPDATE credits_entry SET lots = ARRAY[(SELECT id FROM credits_lot WHERE origin_lot > 0)]"
        " WHERE metadata ? 'undoes'",
        "",
    ),
    ("gifts_arrive_whole", "UPDATE credits_lot SET amount = 11 WHERE origin_lot IS NOT NULL", ""),
]


def test_every_invariant_is_broken_once_above() -> None:
    assert {invariant for invariant, _, _ in CORRUPTIONS} == {*OF_BOOKS, *OF_CLAWBACKS}


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("invariant", "corruption", "constraint"), CORRUPTIONS)
def test_a_broken_invariant_is_named_and_the_command_leaves_with_1(
    invariant: str, corruption: str, constraint: str
) -> None:
    names = names_of(keep_books())
    code, out, err = check_ledger()
    assert (code, out.splitlines(keepends=True)[0], err) == (0, WHOLE, "")
    with without(constraint) if constraint else nullcontext(), no_triggers():
        run(corruption.format(**names))
        code, out, _ = check_ledger()

    assert code == 1
    named = [line for line in out.splitlines() if line.startswith(f"VIOLATION {invariant}: ")]
    assert named
    if "account " in named[0]:
        assert named[0].split(": ")[1] == "account " + names["a"].strip("'")


def names_of(account: Account) -> dict[str, str]:
    entries = Entry.objects.filter(account=account).order_by("version")
    other = Account.objects.get(clawbacks__isnull=False)
    lot = Lot.objects.filter(account=account).earliest("pk")
    first, _, last = entries.values_list("pk", flat=True)
    names = {"a": account.pk, "b": other.pk, "first": first, "last": last, "lot": lot.pk}
    return {name: f"'{value}'" for name, value in names.items()}


@contextmanager
def without(constraint: str) -> Iterator[None]:
    """The constraint is gone, and afterwards it is back, with the rows that it would refuse thrown away."""
    query = "SELECT conrelid::regclass, pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = %s"
    with connection.cursor() as cursor:
        cursor.execute(query, [constraint])
        table, definition = cursor.fetchone()
    run(f"ALTER TABLE {table} DROP CONSTRAINT {constraint}")
    try:
        yield
    finally:
        empty_tables()
        run(f"ALTER TABLE {table} ADD CONSTRAINT {constraint} {definition}")


@pytest.mark.django_db
def test_a_difference_of_the_smallest_unit_is_a_violation() -> None:
    account = keep_books()
    run("SET CONSTRAINTS ALL IMMEDIATE")
    with no_triggers():
        Account.objects.filter(pk=account.pk).update(balance="120.000001")
    assert set(find_violations()) == {
        Violation(
            "balance_equals_entries",
            f"account {account.pk}",
            "balance 120.000001, its entries add up to 120.000000",
        ),
        Violation(
            "balance_equals_lots",
            f"account {account.pk}",
            "balance 120.000001 and debt 0.000000, its lots have 120.000000 left",
        ),
    }


APPEND_ONLY = "pgtrigger_is_append_only_aec4a"
CONTINUES = "credits_entry_continues_its_account"
DISARMED = [
    ("ALTER TABLE credits_entry DISABLE TRIGGER USER", APPEND_ONLY),
    (f"ALTER TABLE credits_entry DISABLE TRIGGER {APPEND_ONLY}", APPEND_ONLY),
    (f"ALTER TABLE credits_entry ENABLE REPLICA TRIGGER {APPEND_ONLY}", APPEND_ONLY),
    (f"ALTER TABLE credits_entry DISABLE TRIGGER {CONTINUES}", CONTINUES),
    (f"DROP TRIGGER {APPEND_ONLY} ON credits_entry", APPEND_ONLY),
    ("ALTER TABLE credits_entry DROP CONSTRAINT credits_entry_one_per_key", "credits_entry_one_per_key"),
    (
        "ALTER TABLE credits_account DROP CONSTRAINT credits_account_no_overdraft",
        "credits_account_no_overdraft",
    ),
    (
        "ALTER TABLE credits_hold DROP CONSTRAINT credits_hold_equals_pinned",
        "credits_hold_equals_pinned",
    ),
]


@pytest.mark.django_db
@pytest.mark.parametrize(("statement", "guard"), DISARMED)
def test_a_guard_that_is_missing_or_switched_off_is_named(statement: str, guard: str) -> None:
    run(statement)
    found = {violation.detail for violation in find_violations() if violation.invariant == "guards_are_armed"}
    assert f"{guard} is missing or switched off" in found
    assert len(found) == (3 if statement.endswith("USER") else 1)


@pytest.mark.django_db(transaction=True)
def test_the_command_leaves_with_0_and_says_what_it_counted_where_the_ledger_is_whole() -> None:
    keep_books()
    code, out, err = check_ledger()
    assert (code, out.splitlines(keepends=True)[0], err) == (0, WHOLE, "")
    assert check_ledger("--quiet") == (0, "", "")


@pytest.mark.django_db(transaction=True)
def test_an_empty_ledger_is_whole() -> None:
    assert check_ledger()[0] == 0


@pytest.mark.django_db(transaction=True)
def test_the_command_names_each_violation_and_leaves_with_1() -> None:
    account = keep_books()
    with no_triggers():
        Account.objects.filter(pk=account.pk).update(balance=121)
    for arguments in ([], ["--quiet"]):
        code, out, err = check_ledger(*arguments)
        assert code == 1
        assert out.splitlines() == [
            f"VIOLATION balance_equals_entries: account {account.pk}:"
            " balance 121.000000, its entries add up to 120.000000",
            f"VIOLATION balance_equals_lots: account {account.pk}:"
            " balance 121.000000 and debt 0.000000, its lots have 120.000000 left",
        ]
        assert err.strip() == "The ledger check failed: 2 violation(s)."


@pytest.mark.django_db(transaction=True)
def test_the_command_leaves_with_1_where_a_trigger_is_switched_off() -> None:
    keep_books()
    run(f"ALTER TABLE credits_entry DISABLE TRIGGER {APPEND_ONLY}")
    try:
        code, out, _ = check_ledger()
    finally:
        run(f"ALTER TABLE credits_entry ENABLE TRIGGER {APPEND_ONLY}")
    assert code == 1
    assert (
        out == f"VIOLATION guards_are_armed: table credits_entry: {APPEND_ONLY} is missing or switched off\n"
    )
    assert check_ledger()[0] == 0
