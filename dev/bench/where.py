"""Where the time of one spend goes: `make bench ARGS=--where`.

From an empty statement of pgbench to `ledger.spend` through Django, each line a layer more than the one above it.
"""

from __future__ import annotations

import statistics
from dataclasses import dataclass

from dev.bench.cluster import Cluster
from dev.bench.environment import production_environment
from dev.bench.hosts import Host, Measurement
from dev.bench.load import MANY, Load, Pace
from dev.bench.pgbench import run_pgbench
from dev.bench.server_cpu import say_server_cpu
from dev.bench.template import ledger_database

DATABASE = "bench_where"
LAYERS = "dev.bench.contenders.layers"
PROFILED_S = 3


@dataclass(frozen=True)
class Layer:
    title: str
    option: str
    by_pgbench: bool = False


STEPS = (
    Layer("pgbench: SELECT 1", "nothing", by_pgbench=True),
    Layer("pgbench: our function, not waiting for the disk", "unsynced", by_pgbench=True),
    Layer("pgbench: our function", "function", by_pgbench=True),
    Layer("psycopg: SELECT 1", "psycopg nothing"),
    Layer("psycopg: our function, prepared", "psycopg prepared"),
    Layer("psycopg: our function, not prepared", "psycopg unprepared"),
    Layer("Django's cursor: SELECT 1", "django nothing"),
    Layer("Django's cursor: our function", "django plain"),
    Layer("ledger.spend", "ledger spend"),
)


def say_where(cluster: Cluster, pace: Pace) -> None:
    """Prints microseconds per operation by layer, for one client and for four, and what takes them on both sides."""
    url = ledger_database(cluster, DATABASE)
    host = Host(LAYERS, url, **production_environment(url))
    try:
        for clients in (1, 4):
            print(f"\n{'µs per operation and client':<50}{f'{clients} clients':>12}{'client CPU':>12}")
            for layer in STEPS:
                rounds = [
                    _measure(cluster, host, layer, Load(MANY, clients), pace) for _ in range(pace.rounds)
                ]
                whole = statistics.median(clients / measured.per_second * 1e6 for measured in rounds)
                own = statistics.median(
                    measured.cpu_s / pace.window_s / measured.per_second * 1e6 for measured in rounds
                )
                print(f"{layer.title:<50}{whole:>12.0f}{own or float('nan'):>12.0f}", flush=True)
        say_server_cpu(cluster)
        print(host.call("profile", PROFILED_S))
    finally:
        host.stop()


def _measure(cluster: Cluster, host: Host, layer: Layer, load: Load, pace: Pace) -> Measurement:
    if layer.by_pgbench:
        from dev.bench.contenders import layers

        return run_pgbench(cluster, DATABASE, layers.script(layer.option), load, pace)
    return host.measure(load, pace, layer.option)
