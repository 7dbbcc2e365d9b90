"""Compare a spend over HTTP, with every check, with DRF's own empty view behind its token authentication.

`--servers` does so on other servers and without the pool, for docs/decisions/server-granian.md, wsgi-not-asgi.md and
database-pool.md. All servers run at once, but only one gets requests at a time.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import psycopg

from bench import ours, production
from bench.cluster import FOLDER, Cluster
from bench.contenders import http_client, ledger
from bench.hosts import ContenderFailed, Host
from bench.load import HOT_4, MANY, MANY_4, Load, Pace
from bench.results import Results
from bench.rounds import measure_in_turn
from bench.services import bearer_token, running_processes, start_sandbox, start_site
from dev.demo import free_port
from dev.processes import Processes

WORKERS, THREADS = 2, 8  # as in the image
GRANIAN = f"granian --port {{port}} --workers {WORKERS}"
GUNICORN = f"gunicorn --bind 127.0.0.1:{{port}} --workers {WORKERS}"


@dataclass(frozen=True)
class Server:
    """``command`` follows the interpreter's ``-m``."""

    title: str = "granian, WSGI, psycopg's pool"
    command: str = f"{GRANIAN} --blocking-threads {THREADS} --interface wsgi config.wsgi:application"
    pool: str = "on"


@dataclass(frozen=True)
class Caller:
    """``kind`` is the caller's name in `http_client`."""

    name: str
    title: str
    kind: str
    server: Server = Server()

    @property
    def ours(self) -> bool:
        """Whether the charts highlight it."""
        return self.kind != "empty"


CALLERS = (
    Caller("http-empty", "DRF's empty view, its token authentication", "empty"),
    Caller("http-key", "POST spends, API key", "key"),
    Caller("http-token", "POST spends, client token", "token"),
)
SERVERS = (
    Server(),
    Server(
        "gunicorn, WSGI, psycopg's pool",
        f"{GUNICORN} --threads {THREADS} --worker-class gthread config.wsgi:application",
    ),
    Server(
        "granian, ASGI, psycopg's pool",
        f"{GRANIAN} --interface asginl --factory django.core.asgi:get_asgi_application",
    ),
    Server("granian, WSGI, a fresh connection each", pool="off"),
)
SERVER_LOADS = (MANY_4, Load(MANY, 16))
# The same request to each server; the first server is the yardstick.
SERVER_CALLERS = {
    title: [Caller(f"{server.title}: {kind}", server.title, kind, server) for server in SERVERS]
    for kind, title in (("empty", "DRF's empty view"), ("key", "a spend"))
}


def measure_http(cluster: Cluster, pace: Pace, results: Results) -> None:
    loads = [load for load in pace.loads if load.accounts == MANY or load == HOT_4]
    _measure(cluster, CALLERS, loads, pace, results)


def measure_servers(cluster: Cluster, pace: Pace, results: Results) -> None:
    callers = [caller for some in SERVER_CALLERS.values() for caller in some]
    _measure(cluster, callers, SERVER_LOADS, replace(pace, rounds=pace.rounds_of_aims), results)


def _measure(
    cluster: Cluster, callers: Sequence[Caller], loads: Sequence[Load], pace: Pace, results: Results
) -> None:
    """Fill ``results``.

    Raises:
        ContenderFailed: the number of spends booked is not that of answers with 201.
    """
    print("Starting the site ...", flush=True)
    url = production.ledger_database(cluster, "bench_http")
    with (
        running_processes() as processes,
        _sites(processes, url, {caller.server for caller in callers}) as (told, ports),
        Host(http_client.__name__, str(told)) as host,
    ):
        options = {caller.name: f"{ports[caller.server]} {caller.kind}" for caller in callers}
        measures = {name: partial(host.measure, pace=pace, option=option) for name, option in options.items()}
        measure_in_turn(measures, loads, pace, results)
    spenders = [caller.name for caller in callers if caller.ours]
    answered = sum(each.finished for each in results.of(spenders))
    with psycopg.connect(url) as connection:
        [booked] = connection.execute(ledger.SPENT.encode()).fetchone() or [0]
    if booked != answered and not set(spenders) & set(results.absent):
        raise ContenderFailed(f"{answered} spends were answered with 201, and {booked} were booked.")


@contextmanager
def _sites(
    processes: Processes, url: str, servers: Iterable[Server]
) -> Iterator[tuple[Path, dict[Server, int]]]:
    """Start them. Yields the file with the credentials for `http_client`, and each server's port."""
    provider = start_sandbox(processes)
    with production.host(ours.__name__, url) as host:
        told = {
            **host.call("make_callers"),
            "token": bearer_token(provider, client="service", expires_in=7200),
        }
    ports = {server: free_port() for server in servers}
    for server, port in ports.items():
        environment = {**production.environment(url, provider), "BENCH_POOL": server.pool}
        start_site(processes, server.command.format(port=port), environment, port)
    file = FOLDER / "http.json"
    try:
        file.write_text(json.dumps(told))
        yield file, ports
    finally:
        file.unlink(missing_ok=True)
