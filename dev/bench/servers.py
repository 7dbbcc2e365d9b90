"""One spend over HTTP on other servers and without the pool: `make bench ARGS=--servers`.

What docs/decisions/server-granian.md, wsgi-not-asgi.md and database-pool.md say. The servers run one after the other in
each round, since all of them at once would share the processors.
"""

from __future__ import annotations

import statistics

from dev.bench.cluster import Cluster
from dev.bench.hosts import ContenderFailed, Host
from dev.bench.http_part import CLIENT
from dev.bench.load import MANY, Load, Pace
from dev.bench.server import AS_IN_PRODUCTION, GRANIAN, Server, running_server
from dev.bench.template import ledger_database

FRESH = {"BENCH_POOL": "off"}
GUNICORN = "gunicorn --bind 127.0.0.1:{port} --workers {workers}"
SERVERS = (
    AS_IN_PRODUCTION,
    Server(
        "gunicorn, WSGI, psycopg's pool",
        f"{GUNICORN} --threads {{threads}} --worker-class gthread config.wsgi:application",
    ),
    Server("granian, ASGI, psycopg's pool", f"{GRANIAN} --interface asginl dev.bench.asgi:application"),
    Server("granian, WSGI, a fresh connection each", AS_IN_PRODUCTION.command, FRESH),
)
OPTIONS = ("empty", "key")
LOADS = (Load(MANY, 4), Load(MANY, 16))


def say_servers(cluster: Cluster, pace: Pace) -> None:
    """Prints requests per second of DRF's empty view and of a spend, and their ratio to what production runs."""
    rates: dict[tuple[str, Load, str], list[float]] = {}
    for number in range(pace.rounds_of_aims):
        for server in SERVERS:
            print(f"round {number + 1} of {pace.rounds_of_aims}: {server.title}", flush=True)
            for key, rate in _measure(cluster, server, pace).items():
                rates.setdefault(key, []).append(rate)
    for load in LOADS:
        print(f"\n{load.name:<42}{'empty view':>14}{'ratio':>8}{'spend':>12}{'ratio':>8}")
        for server in SERVERS:
            cells = "".join(_cell(rates, server, load, option) for option in OPTIONS)
            print(f"{server.title:<42}{cells}")


def _measure(cluster: Cluster, server: Server, pace: Pace) -> dict[tuple[str, Load, str], float]:
    with running_server(ledger_database(cluster, "bench_servers"), server) as told:
        host = Host(CLIENT, str(told))
        try:
            return {
                (server.title, load, option): host.measure(load, pace, option).per_second
                for load in LOADS
                for option in OPTIONS
            }
        except ContenderFailed as error:
            print(f"{server.title} failed: {error}")
            return {}
        finally:
            host.stop()


def _cell(rates: dict[tuple[str, Load, str], list[float]], server: Server, load: Load, option: str) -> str:
    """The median rate, and the median of the rounds' own ratios."""
    own = rates.get((server.title, load, option), [])
    yardstick = rates.get((AS_IN_PRODUCTION.title, load, option), [])
    if not own or len(own) != len(yardstick):
        return f"{'failed':>20}"
    ratio = statistics.median(mine / theirs for mine, theirs in zip(own, yardstick, strict=True))
    return f"{statistics.median(own):>12.0f}{ratio:>8.2f}"
