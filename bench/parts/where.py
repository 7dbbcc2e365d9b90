"""Show where the time of one spend goes, from an empty statement of pgbench to `ledger.spend` through Django.

Parts of our ledger are switched off one by one, which is no way to run it. Other work on the machine changes processor
time little, so that shows small differences which the total doesn't.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from functools import partial

import psycopg

from bench import production
from bench.cluster import Cluster
from bench.contenders import layers, least, ledger
from bench.hosts import Measurement
from bench.load import MANY, Load, Pace
from bench.pgbench import run_pgbench

UNSYNCED = "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET synchronous_commit = off', current_database()); END $$;"
TABLES = ("credits_entry", "credits_lot", "credits_account")
# What is changed in our database before pgbench calls our function.
VARIANTS = {
    "pgbench: our function": "",
    "… not waiting for the disk": UNSYNCED,
    "… nor with the hash chain": UNSYNCED + ledger.UNCHAIN,
    "… nor with the trigger on entries": f"{UNSYNCED} ALTER TABLE credits_entry DISABLE TRIGGER USER",
    "… nor with any trigger or foreign key": UNSYNCED
    + ";".join(f"ALTER TABLE {table} DISABLE TRIGGER ALL" for table in TABLES),
}
LEAST = "bench_where_least"
CLOSING_S = 0.2  # until a run's backends have ended and been counted


def say_where(cluster: Cluster, pace: Pace) -> None:
    """Print microseconds per operation by layer, in total and of each side's processor, for one client and four."""
    least.prepare(cluster.create_database(LEAST), MANY)
    steps: dict[str, Callable[..., Measurement]] = {
        "pgbench: SELECT 1": partial(run_pgbench, cluster, LEAST, "SELECT 1;"),
        "pgbench: the least statement": partial(run_pgbench, cluster, LEAST, least.SCRIPT),
    }
    for number, (title, change) in enumerate(VARIANTS.items()):
        url = production.ledger_database(cluster, f"bench_where_{number}")
        with psycopg.connect(url) as connection:
            connection.execute(change.encode())
        steps[title] = partial(run_pgbench, cluster, f"bench_where_{number}", ledger.SCRIPT)
    url = production.ledger_database(cluster, "bench_where")
    with production.host(layers.__name__, url) as host:
        steps |= {title: partial(host.measure, option=title) for title in layers.TITLES}
        for clients in (1, 4):
            print(
                f"\n{f'µs per operation, {clients} at once':<42}{'total':>8}{'client CPU':>12}{'server CPU':>12}"
            )
            for title, measure in steps.items():
                rounds = [_costs(cluster, measure, Load(MANY, clients), pace) for _ in range(pace.rounds)]
                whole, client, server = (statistics.median(costs) for costs in zip(*rounds, strict=True))
                print(f"{title:<42}{whole:>8.0f}{client or float('nan'):>12.0f}{server:>12.0f}", flush=True)


def _costs(
    cluster: Cluster, measure: Callable[..., Measurement], load: Load, pace: Pace
) -> tuple[float, float, float]:
    """Return microseconds per operation: in total, of the client's processor, of the server's."""
    before = cluster.backend_cpu_s()
    measured = measure(load=load, pace=pace)
    time.sleep(CLOSING_S)
    server = (cluster.backend_cpu_s() - before) / measured.finished
    client = measured.cpu_s / pace.window_s / measured.per_second
    return load.clients / measured.per_second * 1e6, client * 1e6, server * 1e6
