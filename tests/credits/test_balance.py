"""A balance is read by key, in one query, whatever the ledger's length."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from credits.ledger import operations as ledger
from credits.ledger.models import Entry
from credits.ledger.selectors import Balance, Standing, get_balance
from tests.credits.builders import claim, claw_back, grant, open_account, spend
from tests.support.builders import UserFactory

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("entries", [1, 50])
def test_a_balance_is_one_query_however_long_the_ledger_is(entries: int) -> None:
    user = UserFactory.create()
    account = ledger.open_account(user)
    for number in range(entries):
        grant(account, 3, key=f"fact:{number}")
    with CaptureQueriesContext(connection) as statements:
        balance = get_balance(user)
    assert balance == Standing(account.pk, Decimal(3 * entries), Decimal(0), version=entries)
    assert balance.available == 3 * entries
    (statement,) = statements
    assert "credits_account" in statement["sql"]
    assert "credits_entry" not in statement["sql"]


def test_somebody_without_an_account_has_nothing_and_gets_no_account_by_looking() -> None:
    user = UserFactory.create()
    balance = get_balance(user)
    assert balance == Balance(None, Decimal(0), Decimal(0))
    assert balance.available == balance.lifetime_purchased == 0
    assert not hasattr(user, "credit_account")


def test_promotional_credits_count_as_balance_and_not_as_bought() -> None:
    user = UserFactory.create()
    account = ledger.open_account(user)
    grant(account, 100, key="bought", cost=ledger.Cost(1000, "usd"))
    grant(account, 5, key="given", kind=Entry.Kind.PROMOTION, promotional=True)
    balance = get_balance(user)
    assert balance.balance == 105
    assert balance.lifetime_purchased == 100


def test_gifts_received_and_credits_of_staff_were_not_bought() -> None:
    user = UserFactory.create()
    account, friends = ledger.open_account(user), open_account()
    grant(account, 100, key="bought", cost=ledger.Cost(1000, "usd"))
    grant(friends, 40, key="bought", cost=ledger.Cost(400, "usd"))
    ledger.transfer(friends.pk, account.pk, Decimal(40), key="gift")
    grant(account, 7, key="adjusted", kind=Entry.Kind.ADJUSTMENT)

    assert get_balance(user).balance == 147
    assert get_balance(user).lifetime_purchased == 100


def test_what_was_bought_stays_bought_whatever_becomes_of_it() -> None:
    """Spent, given away, refunded and come back, or used up by a debt as it came in."""
    user = UserFactory.create()
    account = ledger.open_account(user)
    lot = grant(account, 100, key="bought").lot_id
    spend(account, 60)
    ledger.transfer(account.pk, open_account().pk, Decimal(10), key="gift")
    claw_back(account, claim(50, "debt"), lot=lot)
    grant(account, 30, key="bought again")
    claw_back(account, lot=lot)

    assert get_balance(user).lifetime_purchased == 130


def test_what_was_bought_is_read_from_the_index_of_what_came_in() -> None:
    user = UserFactory.create()
    grant(ledger.open_account(user), 50)
    with CaptureQueriesContext(connection) as asked:
        assert get_balance(user).lifetime_purchased == 50
    statement = asked[-1]["sql"]
    with connection.cursor() as cursor:
        # Of a handful of rows any index is as good as another.
        for constraint in ("one_per_key", "one_per_version"):
            cursor.execute(f"ALTER TABLE credits_entry DROP CONSTRAINT credits_entry_{constraint}")
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute(f"EXPLAIN {statement}")
        assert "credits_entry_but_spends" in str(cursor.fetchall())


def test_a_balance_is_its_owners_alone() -> None:
    one, other = UserFactory.create(), UserFactory.create()
    grant(ledger.open_account(one), 100)
    assert get_balance(other).balance == 0
