"""Reconciliation at size: the memory and the pace of a run over few sessions, and of one over ten times as many."""

from __future__ import annotations

import sys

from dev.bench.cluster import Cluster
from dev.bench.environment import production_environment
from dev.bench.hosts import Host
from dev.bench.load import Pace
from dev.bench.progress import Progress
from dev.bench.report import as_text
from dev.database import LOCAL
from dev.demo import PATIENCE_S, free_port, wait_until_answers
from dev.processes import Processes

RECONCILER = "dev.bench.contenders.reconciler"
PREPARING_S = 30.0
FILLING_S_PER_THOUSAND = 0.8
COMPARING_S_PER_THOUSAND = 1.0


def planned_s(pace: Pace) -> float:
    most = max(pace.reconciled)
    filling = PREPARING_S + most / 1000 * FILLING_S_PER_THOUSAND
    return filling + sum(pace.reconciled) / 1000 * COMPARING_S_PER_THOUSAND


def measure_reconciliation(cluster: Cluster, pace: Pace, progress: Progress) -> str:
    """Fills both sides once, compares the newest of them, then all. Gives the table."""
    url = cluster.create_database("bench_reconcile")
    processes = Processes(LOCAL / "log")
    try:
        sandbox_url = _start_sandbox(processes)
        progress.step(
            PREPARING_S + max(pace.reconciled) / 1000 * FILLING_S_PER_THOUSAND,
            f"making {max(pace.reconciled):,} purchases and their sessions",
        )
        _fill(url, max(pace.reconciled), sandbox_url)
        measured = []
        for size in pace.reconciled:
            progress.step(size / 1000 * COMPARING_S_PER_THOUSAND, f"comparing {size:,} purchases with Stripe")
            measured.append(_compare(url, size, sandbox_url))
    finally:
        processes.stop_all()
    return as_text(table(measured))


def table(measured: list[dict[str, float]]) -> list[list[str]]:
    heads = [
        "sessions",
        "purchases",
        "findings",
        "seconds",
        "sessions/s",
        "own CPU s",
        "peak memory",
        "to the first",
    ]
    return [heads, *(_row(run, measured[0]) for run in measured)]


def _row(run: dict[str, float], first: dict[str, float]) -> list[str]:
    return [
        f"{run['sessions']:,.0f}",
        f"{run['purchases']:,.0f}",
        f"{run['findings']:,.0f}",
        f"{run['seconds']:.1f}",
        f"{run['sessions'] / run['seconds']:,.0f}",
        f"{run['cpu_s']:.1f}",
        f"{run['peak_mb']:.1f} MB",
        f"{run['peak_mb'] / first['peak_mb']:.2f}",
    ]


def _start_sandbox(processes: Processes) -> str:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    sandbox = processes.start("bench-stripe", [sys.executable, "-m", "sandbox", "--port", str(port)], {})
    wait_until_answers(sandbox, f"{url}/_sandbox/clock", PATIENCE_S)
    return url


def _fill(url: str, purchases: int, sandbox_url: str) -> None:
    # Only a development database lets itself be filled.
    environment = {"DJANGO_SETTINGS_MODULE": "config.settings.dev", "DATABASE_URL": url}
    host = Host(RECONCILER, url, **environment)
    try:
        host.call("migrate", url)
        host.call("fill", url, purchases, sandbox_url)
    finally:
        host.stop()


def _compare(url: str, newest: int, sandbox_url: str) -> dict[str, float]:
    host = Host(RECONCILER, url, **{**production_environment(url), "STRIPE_API_BASE": sandbox_url})
    try:
        measured: dict[str, float] = host.call("compare", url, newest)
    finally:
        host.stop()
    return measured
