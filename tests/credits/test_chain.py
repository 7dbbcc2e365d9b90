"""The chain over the entries, and the head that is kept elsewhere."""

from __future__ import annotations

from decimal import Decimal
from io import StringIO
from threading import Event
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection, transaction

from credits.ledger import operations as ledger
from credits.ledger.models import Account, Entry
from credits.proof import chain
from credits.proof.checking import find_violations
from tests.credits.builders import claim, claw_back, funded, grant, hold, no_triggers, spend
from tests.support.racing import at_once

pytestmark = pytest.mark.django_db(transaction=True)


def keep_books() -> Account:
    """An account with one entry of every kind of writing, and another with one grant; gives the first."""
    account, other = funded(100), funded(50)
    grant(account, 20, key="more")
    spend(account, 5)
    ledger.spend_many([ledger.SpendOrder(account.pk, Decimal(n), f"many:{n}") for n in (1, 2, 3)])
    ledger.transfer(account.pk, other.pk, Decimal(4), key="gift")
    hold(account, 6).capture(Decimal(6), key="capture")
    claw_back(account, claim(100, "debt"))
    return account


def check_ledger(*arguments: str) -> tuple[int, str]:
    """Exit code, and all that was said."""
    said = StringIO()
    try:
        call_command("check_ledger", *arguments, stdout=said, stderr=said)
    except SystemExit as leaving:
        return int(leaving.code or 0), said.getvalue()
    return 0, said.getvalue()


def head_of(said: str) -> str:
    return said.splitlines()[-1].removeprefix("head ")


def broken_by(change: str) -> set[str]:
    with connection.cursor() as cursor, no_triggers():
        cursor.execute(change)
    return {violation.invariant for violation in find_violations()}


# --- Seals ----------------------------------------------------------------------------------------------------------


def test_entries_of_every_way_of_writing_are_sealed_alike() -> None:
    keep_books()
    assert list(find_violations()) == []
    assert (
        len({bytes(seal) for seal in Entry.objects.values_list("hash", flat=True)}) == Entry.objects.count()
    )


@pytest.mark.parametrize(
    "change",
    [
        "kind = 'adjustment'",
        "key = key || '!'",
        "created_at = created_at + interval '1 microsecond'",
        "amount = amount - 0.000001, moved = ARRAY[moved[1] - 0.000001], balance_after = balance_after - 0.000001",
        "owed = owed + 1, moved = ARRAY[moved[1] + 1]",
        "lots = ARRAY[(SELECT max(id) FROM credits_lot)]",
        "version = 1000",
        "hash = '\\x00'",
        "account_id = (SELECT account_id FROM credits_entry ORDER BY id DESC LIMIT 1)",
    ],
)
def test_whoever_alters_what_is_sealed_breaks_the_seal(change: str) -> None:
    account = funded(100)
    spend(account, 5)
    funded(50)
    altered = Entry.objects.get(account=account, version=2)
    assert "entry_is_sealed" in broken_by(f"UPDATE credits_entry SET {change} WHERE id = {altered.pk}")


def test_whoever_takes_an_entry_out_of_the_middle_breaks_the_seal_of_the_next() -> None:
    account = keep_books()
    gone = Entry.objects.get(account=account, version=3)
    assert "entry_is_sealed" in broken_by(f"DELETE FROM credits_entry WHERE id = {gone.pk}")


def test_what_may_speak_of_a_person_can_go_and_the_seals_stay_whole() -> None:
    keep_books()
    erasure = (
        "UPDATE credits_entry SET reference = 'erased', metadata = metadata - 'message' || '{\"erased\": 1}'"
    )
    assert broken_by(erasure) == set()


# --- Heads ----------------------------------------------------------------------------------------------------------


def test_a_head_holds_though_the_books_go_on() -> None:
    account = keep_books()
    head = head_of(check_ledger()[1])
    assert head.split(":")[1] == chain.take_head().digest

    spend_more(account)
    spend(funded(7), 1)

    assert check_ledger("--since", head)[0] == 0
    assert head_of(check_ledger("--since", head)[1]) != head


def spend_more(account: Account) -> None:
    grant(account, 200, key="later")
    spend(account, 3, key="later still")


def test_the_head_of_an_empty_ledger_holds_for_ever() -> None:
    head = head_of(check_ledger()[1])
    keep_books()
    assert check_ledger("--since", head)[0] == 0


def test_a_head_holds_though_ids_go_on_from_smaller_ones() -> None:
    """As those of another server do."""
    account = keep_books()
    with connection.cursor() as cursor:
        cursor.execute("SELECT setval('credits_entry_id_seq', 2000000000)")
    grant(account, 1, key="a large id")
    head = head_of(check_ledger()[1])
    with connection.cursor() as cursor:
        cursor.execute("SELECT setval('credits_entry_id_seq', 1000000000)")
    spend_more(account)
    assert check_ledger("--since", head)[0] == 0


REWRITE = """
DO $$
DECLARE
    e credits_entry;
    v_hash bytea;
BEGIN
    FOR e IN SELECT * FROM credits_entry WHERE account_id = '{account}' ORDER BY version LOOP
        v_hash := credits_entry_hash(v_hash, e.account_id, e.version, e.kind, e.amount, e.balance_after, e.owed,
                                     e.lots, e.moved, e.created_at, e.key);
        UPDATE credits_entry SET hash = v_hash WHERE id = e.id;
    END LOOP;
END $$
"""


def test_an_account_written_anew_with_all_its_seals_is_found_by_a_head_alone() -> None:
    account = keep_books()
    head = head_of(check_ledger()[1])
    spend_more(account)

    with connection.cursor() as cursor, no_triggers():
        cursor.execute(
            "UPDATE credits_entry SET kind = 'promotion' WHERE key = 'funds' AND account_id = %s",
            [account.pk],
        )
        cursor.execute(REWRITE.format(account=account.pk))

    assert check_ledger()[0] == 0
    code, said = check_ledger("--since", head)
    assert code == 1
    assert f"VIOLATION history_is_the_same: {chain.parse_head(head).at}: " in said
    assert "The ledger check failed: 1 violation(s)." in said


def test_a_last_entry_taken_away_with_all_that_tells_of_it_is_found_by_a_head_alone() -> None:
    account = funded(100)
    lot = account.lots.get().pk
    spend(account, 5)
    head = head_of(check_ledger()[1])
    with connection.cursor() as cursor, no_triggers():
        cursor.execute("DELETE FROM credits_entry WHERE key = 'work:1'")
        cursor.execute("UPDATE credits_account SET balance = 100, version = 1")
        cursor.execute("UPDATE credits_lot SET remaining = 100 WHERE id = %s", [lot])
    assert check_ledger()[0] == 0
    assert check_ledger("--since", head)[0] == 1


@pytest.mark.parametrize(
    "text",
    [
        *("", "20260131T235959.000000Z", "20260131T235959.000000Z:abc", f"x:{'a' * 64}", f"12:{'a' * 64}"),
        *(f"20261331T235959.000000Z:{'a' * 64}", f"20260131T235959.000000Z:{'A' * 64}"),
    ],
)
def test_what_is_no_head_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="A head looks like"):
        chain.parse_head(text)
    with pytest.raises(CommandError, match="since"):
        check_ledger(f"--since={text}")


def test_a_head_waits_for_the_entries_that_are_being_written() -> None:
    """Otherwise one of them could come in below the head, and the head would never hold again."""
    account, other = funded(100), funded(100)
    written, looked = Event(), Event()

    def write_slowly() -> Any:
        with transaction.atomic():
            spend(account, 1, key="slow")
            written.set()
            looked.wait(0.5)  # the head is being waited for, and can't come before this commits

    def look() -> chain.Head:
        assert written.wait(10)
        spend(other, 1, key="quick, and later")
        try:
            return chain.take_head()
        finally:
            looked.set()

    _, head = at_once(write_slowly, look)
    assert head == chain.head_at(head.at)
    assert not Entry.objects.filter(created_at__gte=head.at).exists()


def test_a_head_that_would_hold_up_spends_for_long_is_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    account = funded(100)
    monkeypatch.setattr(chain, "LONGEST_WAIT", "50ms")
    written, looked = Event(), Event()

    def write_and_stay() -> Any:
        with transaction.atomic():
            spend(account, 1)
            written.set()
            assert looked.wait(10)

    def look() -> None:
        assert written.wait(10)
        try:
            with pytest.raises(OperationalError, match="lock timeout"):
                chain.take_head()
        finally:
            looked.set()

    at_once(write_and_stay, look)
