"""pgledger: double entry in SQL functions. Its one file is not ours to hand on; PGLEDGER_SQL says where it is.

Each spend is `pgledger_create_transfer`. It locks both sides, so it is measured twice: with all spends to one account,
as double entry has them, and spread over a thousand, so that they don't queue there. ``option`` says over how many.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import psycopg

from dev.bench.load import SINKS

AMOUNT = Decimal("0.25")
# Its ids are made by itself; this says which is which.
NUMBERED = "CREATE TABLE numbered (n bigint PRIMARY KEY, id text NOT NULL, sink boolean NOT NULL)"
OPEN = """
INSERT INTO numbered
SELECT n, (pgledger_create_account('account ' || n, 'EUR', allow_negative_balance => false)).id, n < 0
FROM generate_series(-(%s::bigint), %s::bigint) n WHERE n <> 0
"""
# A hundred banks: ten thousand updates of one row in one transaction would each pass over all the older versions.
DEPOSIT = """
WITH bank AS (SELECT n, (pgledger_create_account('bank ' || n, 'EUR')).id FROM generate_series(0, 99) n)
SELECT count(*) FROM bank JOIN numbered ON numbered.n % 100 = bank.n,
    LATERAL pgledger_create_transfer(bank.id, numbered.id, 1e12) WHERE NOT sink
"""
SPEND = "SELECT id FROM pgledger_create_transfer({source}, {target}, {amount})"
STATEMENT = SPEND.format(source="%s", target="%s", amount="%s")


def script(option: str) -> str:
    """What pgbench runs. It counts with numbers, so the ids are looked up in the same statement, by key."""
    source = "(SELECT id FROM numbered WHERE n = :account)"
    target = "(SELECT id FROM numbered WHERE n = -(:sink::bigint))"
    draws = f"\\set account random(1, :accounts)\n\\set sink random(1, {option})\n"
    return draws + SPEND.format(source=source, target=target, amount="0.25") + ";\n"


def load(url: str) -> None:
    """Nothing to import besides psycopg."""


def create(url: str) -> None:
    with psycopg.connect(url) as connection:
        connection.execute(Path(os.environ["PGLEDGER_SQL"]).read_bytes())
        connection.execute(NUMBERED)


def fund(url: str, accounts: int) -> None:
    with psycopg.connect(url) as connection:
        connection.execute(OPEN, [SINKS, accounts], prepare=False)
        connection.execute(DEPOSIT)


def spent(url: str) -> int:
    with psycopg.connect(url) as connection:
        row = connection.execute(
            "SELECT count(*) FROM pgledger_transfers t JOIN numbered s ON s.id = t.to_account_id WHERE s.sink"
        ).fetchone()
    return int(row[0]) if row else 0


def start(url: str, accounts: int, option: str) -> Callable[[], int]:
    """One connection; gives the function that carries out one spend by psycopg."""
    connection = psycopg.connect(url, autocommit=True)
    cursor = connection.cursor()
    customers = _ids(connection, "SELECT id FROM numbered WHERE NOT sink ORDER BY n")[:accounts]
    sinks = _ids(connection, "SELECT id FROM numbered WHERE sink ORDER BY n DESC")[: int(option)]

    def spend() -> int:
        cursor.execute(STATEMENT, [random.choice(customers), random.choice(sinks), AMOUNT], prepare=True)
        if cursor.fetchone() is None:
            raise RuntimeError("pgledger made no transfer.")
        return 1

    return spend


def _ids(connection: psycopg.Connection, query: str) -> list[str]:
    return [row[0] for row in connection.execute(query.encode()).fetchall()]
