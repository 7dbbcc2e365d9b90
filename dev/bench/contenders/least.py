"""The least that a durable spend can be: one conditional UPDATE and one INSERT in one statement, two bare tables.

No business key, no lots, no checks: what PostgreSQL itself can do, by pgbench and by psycopg alone.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from decimal import Decimal

import psycopg

SCHEMA = """
CREATE TABLE account (id bigint PRIMARY KEY, balance numeric(24, 6) NOT NULL) WITH (fillfactor = 50);
CREATE TABLE entry (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, account_id bigint NOT NULL, amount numeric(24, 6) NOT NULL
);
"""
SPEND = """
WITH paid AS (
    UPDATE account SET balance = balance - {amount} WHERE id = {account} AND balance >= {amount} RETURNING id
)
INSERT INTO entry (account_id, amount) SELECT id, -{amount} FROM paid
"""
STATEMENT = SPEND.format(account="%(account)s", amount="%(amount)s")
AMOUNT = Decimal("0.25")


def script(option: str) -> str:
    """What pgbench runs."""
    return "\\set account random(1, :accounts)\n" + SPEND.format(account=":account", amount="0.25") + ";\n"


def load(url: str) -> None:
    """Nothing to import besides psycopg."""


def create(url: str) -> None:
    with psycopg.connect(url) as connection:
        connection.execute(SCHEMA)


def fund(url: str, accounts: int) -> None:
    with psycopg.connect(url) as connection:
        connection.execute("INSERT INTO account SELECT n, 1e12 FROM generate_series(1, %s) n", [accounts])


def spent(url: str) -> int:
    """How many spends the books have."""
    with psycopg.connect(url) as connection:
        row = connection.execute("SELECT count(*) FROM entry").fetchone()
    return int(row[0]) if row else 0


def start(url: str, accounts: int, option: str) -> Callable[[], int]:
    """One connection; gives the function that carries out one spend by psycopg."""
    connection = psycopg.connect(url, autocommit=True)
    cursor = connection.cursor()

    def spend() -> int:
        arguments = {"account": random.randint(1, accounts), "amount": AMOUNT}
        if cursor.execute(STATEMENT, arguments, prepare=True).rowcount != 1:
            raise RuntimeError("The least statement spent nothing.")
        return 1

    return spend
