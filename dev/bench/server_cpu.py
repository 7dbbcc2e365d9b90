"""What one spend costs the server's processor, with parts of our ledger switched off one by one.

The backend's own processor time: other work on the machine changes it little, so it shows small differences that
operations per second don't. Nothing here is a way to run the ledger.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence

import psutil
import psycopg

from dev.bench.cluster import Cluster
from dev.bench.contenders import least, ledger, unchained
from dev.bench.load import MANY
from dev.bench.template import ledger_database

SECONDS = 3
WARM_UP = 300
TABLES = ("credits_entry", "credits_lot", "credits_account")
Arguments = Callable[[], Sequence[object] | dict[str, object]]


def say_server_cpu(cluster: Cluster) -> None:
    """Prints microseconds of the backend's processor time per spend."""
    print(f"\n{'µs of the server per spend, one client, not waiting for the disk':<70}{'CPU':>8}{'whole':>8}")
    url = cluster.create_database("bench_cpu_least")
    least.create(url)
    least.fund(url, MANY)
    amount = least.AMOUNT
    _say(
        "the least statement",
        url,
        least.STATEMENT + " RETURNING id",
        lambda: {"account": random.randint(1, MANY), "amount": amount},
    )
    for title, change in _variants().items():
        url = ledger_database(cluster, "bench_cpu")
        change(url)
        _say(title, url, ledger.STATEMENT, _spend_arguments(url))


def _variants() -> dict[str, Callable[[str], None]]:
    return {
        "our function": ledger.adapt,
        "… without the hash chain": unchained.adapt,
        "… without the trigger on entries": lambda url: _disable(url, "USER", TABLES[:1]),
        "… without triggers and foreign keys": lambda url: _disable(url, "ALL", TABLES),
    }


def _disable(url: str, which: str, tables: Sequence[str]) -> None:
    with psycopg.connect(url) as connection:
        for table in tables:
            connection.execute(f"ALTER TABLE {table} DISABLE TRIGGER {which}".encode())


def _spend_arguments(url: str) -> Arguments:
    with psycopg.connect(url) as connection:
        ids = [row[0] for row in connection.execute("SELECT id FROM credits_account").fetchall()]
    return lambda: [random.choice(ids), ledger.AMOUNT, "spend", f"{random.random()}", "job", "{}"]


def _say(title: str, url: str, statement: str, arguments: Arguments) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("SET synchronous_commit = off")
        cursor, backend = connection.cursor(), psutil.Process(connection.info.backend_pid)

        def spend() -> None:
            cursor.execute(statement.encode(), arguments(), prepare=True).fetchall()

        for _ in range(WARM_UP):
            spend()
        before, begun, count = backend.cpu_times(), time.perf_counter(), 0
        while time.perf_counter() - begun < SECONDS:
            spend()
            count += 1
        whole, after = time.perf_counter() - begun, backend.cpu_times()
    used = after.user + after.system - before.user - before.system
    print(f"{title:<70}{used / count * 1e6:>8.0f}{whole / count * 1e6:>8.0f}", flush=True)
