"""Spend in the least durable way there is: a conditional UPDATE and an INSERT in one statement, on two bare tables.

No business key, no lots, no checks: what PostgreSQL itself can do, by pgbench and by psycopg.
"""

from __future__ import annotations

import random
from collections.abc import Callable

import psycopg

from bench.load import AMOUNT

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
SCRIPT = "\\set account random(1, :accounts)\n" + SPEND.format(account=":account", amount="0.25") + ";\n"
SPENT = "SELECT count(*) FROM entry"


def load(url: str) -> None:
    """Load nothing: psycopg is all it needs."""


def prepare(url: str, accounts: int) -> None:
    with psycopg.connect(url) as connection:
        connection.execute(SCHEMA)
        connection.execute("INSERT INTO account SELECT n, 1e12 FROM generate_series(1, %s) n", [accounts])


def start(url: str, accounts: int, option: str) -> Callable[[], object]:
    cursor = psycopg.connect(url, autocommit=True).cursor()

    def spend() -> None:
        arguments = {"account": random.randint(1, accounts), "amount": AMOUNT}
        if cursor.execute(STATEMENT, arguments, prepare=True).rowcount != 1:
            raise RuntimeError("The least statement spent nothing.")

    return spend
