"""Compare a spend over HTTP, with every check, with DRF's own empty view behind its token authentication."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import partial
from tempfile import NamedTemporaryFile
from typing import Any

from bench import ours, production
from bench.cluster import Cluster
from bench.contenders import http_client, ledger
from bench.hosts import Host
from bench.load import HOT_4, MANY, Pace
from bench.results import Results
from bench.rounds import check_books, measure_in_turn
from bench.services import bearer_token, running_processes, start_sandbox, start_site
from dev.demo import free_port
from dev.processes import Processes

WORKERS, THREADS = 2, 8  # as in the image


@dataclass(frozen=True)
class Caller:
    """``kind`` is the caller's name in `http_client`."""

    name: str
    title: str
    kind: str


CALLERS = (
    Caller("http-empty", "DRF's empty view, its token authentication", "empty"),
    Caller("http-key", "POST spends, API key", "key"),
    Caller("http-token", "POST spends, client token", "token"),
)


def measure_http(cluster: Cluster, pace: Pace, results: Results) -> None:
    """Fill ``results``.

    Raises:
        ContenderFailed: the number of spends booked is not that of answers with 201.
    """
    print("Starting the site ...", flush=True)
    url = production.ledger_database(cluster, "bench_http")
    loads = [load for load in pace.loads if load.accounts == MANY or load == HOT_4]
    with running_processes() as processes, NamedTemporaryFile("w", suffix=".json") as told:
        port, callers = _start_site(processes, url)
        json.dump(callers, told)
        told.flush()
        with Host(http_client.__name__, told.name) as host:
            measures = {
                caller.name: partial(host.measure, pace=pace, option=f"{port} {caller.kind}")
                for caller in CALLERS
            }
            measure_in_turn(measures, loads, pace, results)
    spenders = [caller.name for caller in CALLERS if caller.kind != "empty"]
    check_books(results, spenders, url, ledger.SPENT)


def _start_site(processes: Processes, url: str) -> tuple[int, dict[str, Any]]:
    """Return its port, and the callers' credentials for `http_client`."""
    provider = start_sandbox(processes)
    with production.host(ours.__name__, url) as host:
        callers = host.call("make_callers")
    callers["token"] = bearer_token(provider, client="service", expires_in=7200)
    port = free_port()
    environment = production.environment(url, provider)
    start_site(processes, environment, port, workers=WORKERS, threads=THREADS)
    return port, callers
