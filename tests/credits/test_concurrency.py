"""Operations at the same time: each fact once, none lost, nothing spent twice."""

from __future__ import annotations

from decimal import Decimal
from functools import partial
from threading import Barrier, Event
from typing import Any

import pytest
from django.db import connection, transaction

from credits.errors import HoldClosed, InsufficientCredits, KeyConflict
from credits.ledger import operations as ledger
from credits.ledger.models import Account, Entry
from credits.proof.checking import find_violations
from tests.credits.builders import (
    funded,
    grant,
    hold,
    let_hold_run_out,
    let_lot_expire,
    numbers,
    open_account,
    spend,
)
from tests.support.builders import UserFactory
from tests.support.racing import at_once

pytestmark = pytest.mark.django_db(transaction=True)


def test_the_same_fact_reported_by_eight_at_once_is_booked_once() -> None:
    account = open_account()
    grants = at_once(*[partial(grant, account, 100, key="fact:1")] * 8)

    assert sorted(granted.repeated for granted in grants) == [False] + [True] * 7
    assert len({(granted.entry_id, granted.lot_id, granted.balance_after) for granted in grants}) == 1
    assert Entry.objects.count() == 1
    assert Account.objects.get().balance == Decimal(100)
    assert list(find_violations()) == []


def test_eight_facts_at_once_are_all_booked_one_after_the_other() -> None:
    account = open_account()
    grants = at_once(*[partial(grant, account, 2**number, key=f"fact:{number}") for number in range(8)])

    assert not any(granted.repeated for granted in grants)
    account.refresh_from_db()
    assert (account.balance, account.version) == (Decimal(255), 8)
    assert list(Entry.objects.order_by("version").values_list("version", flat=True)) == list(range(1, 9))
    assert list(find_violations()) == []


def test_of_two_facts_under_one_key_at_once_one_is_booked_and_one_is_a_conflict() -> None:
    account = open_account()

    def book(amount: int) -> int | str:
        try:
            return int(grant(account, amount, key="fact:1").amount)
        except KeyConflict as conflict:
            return conflict.code

    results = at_once(partial(book, 1), partial(book, 2))

    booked = int(Entry.objects.get().amount)
    assert sorted(results, key=str) == [booked, "key_conflict"]
    assert list(find_violations()) == []


def test_an_account_opened_by_eight_at_once_is_one_account() -> None:
    user = UserFactory.create()
    accounts = at_once(*[partial(ledger.open_account, user)] * 8)
    assert {account.pk for account in accounts} == {Account.objects.get().pk}


# --- Spends ---------------------------------------------------------------------------------------------------------


def test_the_same_spend_asked_for_by_eight_at_once_is_booked_once() -> None:
    account = funded(10)
    spends = at_once(*[partial(spend, account, 10)] * 8)
    assert sorted(spent.repeated for spent in spends) == [False] + [True] * 7
    assert len({(spent.entry_id, spent.balance_after) for spent in spends}) == 1
    assert numbers(account) == (0, 0, 0)
    assert list(find_violations()) == []


def test_of_spends_that_together_exceed_the_balance_as_many_are_done_as_it_covers() -> None:
    account = funded(10)

    def take(number: int) -> bool:
        try:
            spend(account, 3, key=f"work:{number}")
        except InsufficientCredits:
            return False
        return True

    assert sum(at_once(*[partial(take, number) for number in range(8)])) == 3
    assert numbers(account) == (1, 0, 0)
    assert list(find_violations()) == []


def unguarded_spend(account: Account, amount: int, key: str) -> None:
    """As it goes without the lock: look, then write."""
    with transaction.atomic():
        before = Account.objects.get(pk=account.pk)
        if before.balance < amount:
            raise InsufficientCredits("Not enough.")
        BOTH_LOOKED.wait()
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL session_replication_role = replica")
        Account.objects.filter(pk=account.pk).update(balance=before.balance - amount)


BOTH_LOOKED = Barrier(2, timeout=20)


def test_without_the_lock_two_spends_take_the_same_credits() -> None:
    """The negative control: this is what the tests above would see."""
    account = funded(10)
    at_once(*[partial(unguarded_spend, account, 10, key) for key in ("a", "b")])
    assert numbers(account) == (0, 0, 0)  # twenty were taken


def test_grants_and_spends_at_once_lose_nothing() -> None:
    account = funded(100)
    calls: list[Any] = [partial(grant, account, 10, key=f"fact:{number}") for number in range(4)]
    calls += [partial(spend, account, 7, key=f"work:{number}") for number in range(4)]
    at_once(*calls)
    assert numbers(account) == (112, 0, 0)
    assert list(find_violations()) == []


def test_batches_over_the_same_accounts_in_other_orders_do_not_wait_for_each_other_for_ever() -> None:
    accounts = [funded(100) for _ in range(6)]

    def batch(number: int) -> list[Any]:
        ordered = accounts if number % 2 else accounts[::-1]
        return ledger.spend_many(
            [ledger.SpendOrder(account.pk, Decimal(1), f"work:{number}") for account in ordered]
        )

    results = at_once(*[partial(batch, number) for number in range(6)])
    assert {result.outcome.value for batch in results for result in batch} == {"done"}
    assert [numbers(account) for account in accounts] == [(94, 0, 0)] * 6
    assert list(find_violations()) == []


def test_a_spend_that_was_refused_too_early_looks_again() -> None:
    """While it waits to end a hold that ran out, another ends it and puts credits in: it must not answer that a
    negative amount is missing.
    """
    account = funded(10)
    held = hold(account, 10)
    let_hold_run_out(held)
    busy, waiting = Event(), Event()

    def keep_the_account() -> Any:
        with transaction.atomic():
            ledger.release(held.account_id, held.id)
            grant(account, 10, key="more")
            busy.set()
            assert waiting.wait(20)

    def spend_meanwhile() -> Any:
        assert busy.wait(20)
        return spend(account, 15)

    def see_it_wait() -> Any:
        with connection.cursor() as cursor:
            for _ in range(2000):
                cursor.execute(
                    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
                    " AND wait_event_type = 'Lock'"
                )
                if cursor.fetchone()[0]:
                    break
                cursor.execute("SELECT pg_sleep(0.005)")
        waiting.set()

    _, spent, _ = at_once(keep_the_account, spend_meanwhile, see_it_wait)
    assert spent.balance_after == 5
    assert list(find_violations()) == []


# --- Holds, expiry, gifts -------------------------------------------------------------------------------------------


def test_holds_that_together_exceed_the_balance_are_not_all_opened() -> None:
    account = funded(10)

    def set_aside(number: int) -> bool:
        try:
            hold(account, 4, key=f"hold:{number}")
        except InsufficientCredits:
            return False
        return True

    assert sum(at_once(*[partial(set_aside, number) for number in range(6)])) == 2
    assert numbers(account) == (10, 8, 0)
    assert list(find_violations()) == []


def test_a_capture_and_the_expiry_of_its_lot_and_of_its_hold_at_once_leave_one_truth() -> None:
    for round_number in range(5):
        account = funded(10)
        held = hold(account, 6)
        let_lot_expire(account.lots.get().pk)
        if round_number % 2:
            let_hold_run_out(held)

        def capture() -> bool:
            try:
                ledger.capture(held.account_id, held.id, Decimal(5), key="work")  # noqa: B023  # called before the next round
            except HoldClosed:
                return False
            return True

        captured, *_ = at_once(
            capture,
            partial(ledger.expire_lots, account.pk),
            ledger.expire_holds,
            partial(ledger.expire_lots, account.pk),
        )
        assert captured is not bool(round_number % 2)
        ledger.expire_lots(account.pk)
        assert numbers(account) == (0, 0, 0)
    assert list(find_violations()) == []


def test_a_capture_and_a_release_at_once_are_one_or_the_other() -> None:
    account = funded(10)
    held = hold(account, 6)

    def end_it(how: Any) -> bool:
        try:
            how()
        except HoldClosed:
            return False
        return True

    captured, released = at_once(
        partial(end_it, partial(ledger.capture, held.account_id, held.id, Decimal(6), key="work")),
        partial(end_it, partial(ledger.release, held.account_id, held.id)),
    )
    assert captured is not released
    assert numbers(account) == (4 if captured else 10, 0, 0)
    assert list(find_violations()) == []


def test_gifts_that_cross_do_not_wait_for_each_other_for_ever() -> None:
    one, other = funded(100), funded(100)

    def give(number: int) -> Any:
        giver, receiver = (one, other) if number % 2 else (other, one)
        return ledger.transfer(giver.pk, receiver.pk, Decimal(10), key=f"gift:{number}")

    at_once(*[partial(give, number) for number in range(8)])
    assert numbers(one) == numbers(other) == (100, 0, 0)
    assert list(find_violations()) == []
