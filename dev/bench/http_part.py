"""One spend over HTTP with every check, beside DRF's own empty view behind its token authentication."""

from __future__ import annotations

import os

import psycopg

from dev.bench.cluster import Cluster
from dev.bench.contenders import Contender
from dev.bench.hosts import ContenderFailed, Host
from dev.bench.load import HOT_4, MANY, Load, Pace
from dev.bench.progress import Progress
from dev.bench.results import Results
from dev.bench.server import running_server
from dev.bench.template import ledger_database

CLIENT = "dev.bench.contenders.http_client"
HTTP_CONTENDERS = (
    Contender("http-empty", "DRF's empty view, its token authentication", "http_client", "http", "empty"),
    Contender("http-key", "POST spends, API key", "http_client", "http", "key", ours=True),
    Contender("http-token", "POST spends, client token", "http_client", "http", "token", ours=True),
)
AROUND_S = 0.3
PREPARING_S = 12.0
SPENDING = ("http-key", "http-token")


def loads_of(pace: Pace) -> list[Load]:
    return [load for load in pace.loads if load.accounts == MANY or load == HOT_4]


def planned_s(pace: Pace) -> float:
    each = pace.window_s + pace.warm_up_s + AROUND_S
    return PREPARING_S + sum(pace.rounds_for(load) for load in loads_of(pace)) * len(HTTP_CONTENDERS) * each


def measure_http(cluster: Cluster, pace: Pace, progress: Progress, results: Results) -> None:
    """Fills ``results``, and in them the share of the machine that the load generator took."""
    progress.step(PREPARING_S, "starting the site")
    url = ledger_database(cluster, "bench_http")
    before = _entries(url)
    with running_server(url) as told:
        host = Host(CLIENT, str(told))
        try:
            spends = _rounds(host, pace, progress, results)
        finally:
            host.stop()
    booked = _entries(url) - before
    if booked != spends:
        raise ContenderFailed(f"{spends} spends were answered with 201, and {booked} were booked.")


def _rounds(host: Host, pace: Pace, progress: Progress, results: Results) -> int:
    """Gives how many spends were answered."""
    spends = 0
    for round_number in range(pace.rounds_of_aims):
        for load in loads_of(pace):
            if round_number >= pace.rounds_for(load):
                continue
            for contender in HTTP_CONTENDERS:
                progress.step(pace.window_s + pace.warm_up_s + AROUND_S, f"{contender.title}: {load.name}")
                if contender.name in results.absent:
                    continue
                try:
                    measured = host.measure(load, pace, contender.option)
                except ContenderFailed as error:
                    results.absent[contender.name] = f"failed: {str(error).strip().splitlines()[-1]}"
                    continue
                results.add(contender.name, load, measured.per_second)
                results.generator_shares.append(measured.cpu_s / pace.window_s / (os.cpu_count() or 1))
                spends += measured.finished if contender.name in SPENDING else 0
    return spends


def _entries(url: str) -> int:
    with psycopg.connect(url) as connection:
        row = connection.execute("SELECT count(*) FROM credits_entry").fetchone()
    return int(row[0]) if row else 0
