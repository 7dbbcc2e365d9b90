"""Spend from our ledger: its SQL function by pgbench and psycopg, `spend` and `spend_many` through Django.

Each account has two lots: promotional credits that expire, and paid ones that don't. Every spend has its own key, and
all of the database's constraints and triggers are in force.
"""

from __future__ import annotations

import itertools
import os
import random
from collections.abc import Callable
from typing import Any
from uuid import UUID

import psycopg

from bench.load import AMOUNT

# Account ids are derived from numbers, so that pgbench can name them too.
FUND = """
INSERT INTO credits_account (id) SELECT md5(n::text)::uuid FROM generate_series(1, %(accounts)s) n;
SELECT count(*) FROM generate_series(1, %(accounts)s) n, LATERAL credits_grant(
    md5(n::text)::uuid, 1e9, 'promotion', 'bench:promotion', '', '{}', true, NULL, '', now() + interval '1 year');
SELECT count(*) FROM generate_series(1, %(accounts)s) n, LATERAL credits_grant(
    md5(n::text)::uuid, 1e9, 'purchase', 'bench:purchase', '', '{}', false, 1000, 'usd', NULL);
"""
# What a ledger in use already has. A server keeps the first plans it makes, and those for an empty table are poor.
USE = """
SELECT count(*) FROM credits_spend_many(
    ARRAY(SELECT md5((1 + n %% %(accounts)s)::text)::uuid FROM generate_series(1, 5000) n),
    array_fill(1::numeric, '{5000}'), ARRAY(SELECT 'use:' || n FROM generate_series(1, 5000) n),
    array_fill('use'::text, '{5000}'), array_fill('{}'::jsonb, '{5000}'));
"""
CALL = "SELECT * FROM credits_spend({}, {}, {}, {}, {}, {})"
STATEMENT = CALL.format(*["%s"] * 6)
SCRIPT = f"""\\set account random(1, :accounts)
\\set key random(1, 1000000000000000)
{CALL.format("md5(:account::text)::uuid", "0.25", "'spend'", "'bench:' || :key::text", "'job'", "'{}'")};
"""
SPENT = "SELECT count(*) FROM credits_entry WHERE kind = 'spend' AND reference <> 'use'"
# Replaces the function that seals an entry by one that hashes nothing, to show what the hash chain costs.
UNCHAIN = """
DO $do$ BEGIN EXECUTE format(
    'CREATE OR REPLACE FUNCTION credits_entry_hash(%s) RETURNS bytea IMMUTABLE PARALLEL SAFE'
    ' LANGUAGE sql AS $$ SELECT ''''::bytea $$',
    pg_get_function_identity_arguments('credits_entry_hash'::regproc)
); END $do$
"""


def load(url: str) -> None:
    """Set up Django with production's settings, connection pool included."""
    import django

    django.setup()


def prepare(url: str, accounts: int) -> None:
    from django.core.management import call_command

    call_command("migrate", verbosity=0, interactive=False)
    fund(url, accounts)


def fund(url: str, accounts: int) -> None:
    with psycopg.connect(url, cursor_factory=psycopg.ClientCursor) as connection:
        connection.execute(FUND, {"accounts": accounts})
        connection.execute(USE, {"accounts": accounts})
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE credits_account, credits_lot, credits_entry")


def start(url: str, accounts: int, option: str) -> Callable[[], object]:
    """``option``: "function" by psycopg alone, "spend" through Django, or how many `spend_many` takes at once."""
    arguments = spends(account_ids(url, accounts))
    if option == "function":
        return _call_function(url, arguments)
    from credits.ledger import operations as ledger

    def spend() -> None:
        account, amount, _, key, reference, _ = arguments()
        ledger.spend(account, amount, key=key, reference=reference)

    def spend_many() -> None:
        orders = [
            ledger.SpendOrder(account, amount, key, reference)
            for account, amount, _, key, reference, _ in (arguments() for _ in range(int(option)))
        ]
        if any(result.outcome != "done" for result in ledger.spend_many(orders)):
            raise RuntimeError("A spend of the batch was not done.")

    return spend if option == "spend" else spend_many


def _call_function(url: str, arguments: Callable[[], list[Any]]) -> Callable[[], object]:
    cursor = psycopg.connect(url, autocommit=True).cursor()

    def spend() -> None:
        row = cursor.execute(STATEMENT, arguments(), prepare=True).fetchone()
        if row is None or row[0] != "done":
            raise RuntimeError(f"The function answered {row}.")

    return spend


def spends(ids: list[UUID]) -> Callable[[], list[Any]]:
    """Return a function that returns the arguments of another spend, with its own key, at each call."""
    prefix, numbers = f"bench:{os.getpid()}-{random.randrange(10**9)}-", itertools.count()
    return lambda: [random.choice(ids), AMOUNT, "spend", f"{prefix}{next(numbers)}", "job", "{}"]


def account_ids(url: str, accounts: int) -> list[UUID]:
    with psycopg.connect(url) as connection:
        rows = connection.execute("SELECT md5(n::text)::uuid FROM generate_series(1, %s) n", [accounts])
        return [row[0] for row in rows]
