"""Our ledger: its SQL function by pgbench and by psycopg, `ledger.spend` and `ledger.spend_many` through Django.

Each account has two lots, promotional credits that expire and paid ones that don't. Every spend has a key of its own,
and all of the database's constraints and triggers are in force.
"""

from __future__ import annotations

import itertools
import os
import random
from collections.abc import Callable
from decimal import Decimal
from uuid import UUID

AMOUNT = Decimal("0.25")
# Accounts have ids by number, so that pgbench can name them too.
FUND = """
INSERT INTO credits_account (id) SELECT md5(n::text)::uuid FROM generate_series(1, %(accounts)s) n;
SELECT count(*) FROM generate_series(1, %(accounts)s) n, LATERAL credits_grant(
    md5(n::text)::uuid, 1e9, 'promotion', 'bench:promotion', '', '{}', true, NULL, '', now() + interval '1 year');
SELECT count(*) FROM generate_series(1, %(accounts)s) n, LATERAL credits_grant(
    md5(n::text)::uuid, 1e9, 'purchase', 'bench:purchase', '', '{}', false, 1000, 'usd', NULL);
"""
CALL = "SELECT * FROM credits_spend({}, {}, {}, {}, {}, {})"
STATEMENT = CALL.format(*["%s"] * 6)


def script(option: str) -> str:
    """What pgbench runs."""
    call = CALL.format(
        "md5(:account::text)::uuid", "0.25", "'spend'", "'bench:' || :key::text", "'job'", "'{}'"
    )
    return f"\\set account random(1, :accounts)\n\\set key random(1, 1000000000000000)\n{call};\n"


def load(url: str) -> None:
    """With production's settings, its pool and everything else, except for the address of the database."""
    import django

    django.setup()


def create(url: str) -> None:
    from django.core.management import call_command

    call_command("migrate", verbosity=0, interactive=False)


def fund(url: str, accounts: int) -> None:
    import psycopg

    with psycopg.connect(url, cursor_factory=psycopg.ClientCursor) as connection:
        connection.execute(FUND, {"accounts": accounts})
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE credits_account, credits_lot, credits_entry")


def adapt(url: str) -> None:
    """The copy is what is measured."""


def spent(url: str) -> int:
    from credits.ledger.models import Entry

    return Entry.objects.filter(kind=Entry.Kind.SPEND).count()


def start(url: str, accounts: int, option: str) -> Callable[[], int]:
    """``option``: "function" by psycopg alone, "spend" through Django, or how many `spend_many` takes at once."""
    ids = _account_ids(accounts)
    if option == "function":
        return _by_psycopg(url, ids)
    return _spend(ids) if option == "spend" else _spend_many(ids, int(option))


def _by_psycopg(url: str, ids: list[UUID]) -> Callable[[], int]:
    import psycopg

    cursor = psycopg.connect(url, autocommit=True).cursor()
    key = _keys()

    def spend() -> int:
        arguments = [random.choice(ids), AMOUNT, "spend", key(), "job", "{}"]
        row = cursor.execute(STATEMENT, arguments, prepare=True).fetchone()
        if row is None or row[0] != "done":
            raise RuntimeError(f"The function answered {row}.")
        return 1

    return spend


def _spend(ids: list[UUID]) -> Callable[[], int]:
    from credits.ledger import operations as ledger

    key = _keys()

    def spend() -> int:
        ledger.spend(random.choice(ids), AMOUNT, key=key(), reference="job")
        return 1

    return spend


def _spend_many(ids: list[UUID], size: int) -> Callable[[], int]:
    from credits.ledger import operations as ledger

    key = _keys()

    def spend() -> int:
        orders = [ledger.SpendOrder(random.choice(ids), AMOUNT, key(), "job") for _ in range(size)]
        results = ledger.spend_many(orders)
        if any(result.outcome != "done" for result in results):
            raise RuntimeError("A spend of the batch was not done.")
        return len(results)

    return spend


def _keys() -> Callable[[], str]:
    prefix = f"bench:{os.getpid()}-{random.randrange(10**9)}-"
    numbers = itertools.count()
    return lambda: f"{prefix}{next(numbers)}"


def _account_ids(accounts: int) -> list[UUID]:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT md5(n::text)::uuid FROM generate_series(1, %s) n", [accounts])
        return [row[0] for row in cursor.fetchall()]
