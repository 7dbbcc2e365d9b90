"""Grants at the same time: each fact once, none lost."""

from __future__ import annotations

from decimal import Decimal
from functools import partial

import pytest

from credits import ledger
from credits.errors import KeyConflict
from credits.models import Account, Entry
from credits.proof import find_violations
from tests.builders import UserFactory
from tests.credits.builders import grant, open_account
from tests.racing import at_once

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
