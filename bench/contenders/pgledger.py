"""Spend with pgledger, double entry in SQL functions. PGLEDGER_SQL is the path of its file, which we don't ship.

A spend is a `pgledger_create_transfer`. It locks both sides, so it is measured twice: with all spends to one account,
as double entry has them, and spread over a thousand, so that they don't queue. ``option`` is their number.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from pathlib import Path

import psycopg

from bench.load import AMOUNT, SINKS

# It generates its ids; this maps numbers to them.
NUMBERED = "CREATE TABLE numbered (n bigint PRIMARY KEY, id text NOT NULL, sink boolean NOT NULL)"
OPEN = """
INSERT INTO numbered
SELECT n, (pgledger_create_account('account ' || n, 'EUR', allow_negative_balance => false)).id, n < 0
FROM generate_series(-(%s::bigint), %s::bigint) n WHERE n <> 0
"""
# A hundred banks: ten thousand updates of one row in a transaction would each read past all older versions.
DEPOSIT = """
WITH bank AS (SELECT n, (pgledger_create_account('bank ' || n, 'EUR')).id FROM generate_series(0, 99) n)
SELECT count(*) FROM bank JOIN numbered ON numbered.n % 100 = bank.n,
    LATERAL pgledger_create_transfer(bank.id, numbered.id, 1e12) WHERE NOT sink
"""
SPENT = "SELECT count(*) FROM pgledger_transfers t JOIN numbered s ON s.id = t.to_account_id WHERE s.sink"
STATEMENT = "SELECT id FROM pgledger_create_transfer(%s, %s, %s)"
# pgbench knows only numbers, so the same statement looks the ids up by key.
SCRIPT = """\\set account random(1, :accounts)
\\set sink random(1, SINKS)
SELECT id FROM pgledger_create_transfer(
    (SELECT id FROM numbered WHERE n = :account), (SELECT id FROM numbered WHERE n = -(:sink::bigint)), 0.25);
""".replace("SINKS", str(SINKS))


def load(url: str) -> None:
    """Load nothing: psycopg is all it needs."""


def prepare(url: str, accounts: int) -> None:
    with psycopg.connect(url) as connection:
        connection.execute(Path(os.environ["PGLEDGER_SQL"]).read_bytes())
        connection.execute(NUMBERED)
        connection.execute(OPEN, [SINKS, accounts], prepare=False)
        connection.execute(DEPOSIT)


def start(url: str, accounts: int, option: str) -> Callable[[], object]:
    connection = psycopg.connect(url, autocommit=True)
    cursor = connection.cursor()
    ids: dict[int, str] = dict(connection.execute("SELECT n, id FROM numbered").fetchall())

    def spend() -> None:
        customer, sink = ids[random.randint(1, accounts)], ids[-random.randint(1, int(option))]
        if cursor.execute(STATEMENT, [customer, sink, AMOUNT], prepare=True).fetchone() is None:
            raise RuntimeError("pgledger made no transfer.")

    return spend
