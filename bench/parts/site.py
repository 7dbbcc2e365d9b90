"""Time the site's answers, as ratios to an empty answer of the same server in the same run.

Machines are shared and noisy, so milliseconds alone say little: rounds are interleaved and medians compared. Everything
is real: granian, PostgreSQL, HTTP to the local Stripe, signed webhooks.
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable
from typing import Any

import requests

from bench import ours
from bench.cluster import Cluster
from bench.hosts import Host
from bench.load import Pace
from bench.rounds import show_progress
from bench.services import (
    bearer_token,
    control,
    open_checkout,
    pay,
    running_processes,
    start_sandbox,
    start_site,
)
from bench.tables import Row, as_text
from dev.demo import WEBHOOK_SECRET, free_port
from dev.processes import Processes

WARM_UP = 5
API = "/api/v1/billing/credits"
EMPTY, PACKAGES, WEBHOOK = "empty answer (/health/live)", "package list", "webhook, credits a purchase"
STRIPE_CALL, CHECKOUT = "the Stripe call of a checkout", "checkout, the Stripe call included"
BESIDE = "checkout beside the Stripe call"
# What the project promises.
LIMITS_MS = {PACKAGES: 100, WEBHOOK: 200, BESIDE: 500}


def say_site(cluster: Cluster, pace: Pace) -> None:
    """Measure all operations in turn, and print a line for each."""
    with running_processes() as processes:
        site = Site(processes, cluster.create_database("bench_site"))
        operations = site.operations()
        seconds: dict[str, list[float]] = {name: [] for name in operations}
        rounds = range(-WARM_UP, pace.site_rounds)
        for number, name in show_progress([(number, name) for number in rounds for name in operations]):
            took = operations[name]()
            if number >= 0:
                seconds[name].append(took)
    print(f"\n{as_text(_table(seconds))}")
    print(
        f"{pace.site_rounds} interleaved rounds, one client, granian with 1 worker, {os.cpu_count()} cores."
    )
    print(f"Migrating a new database took {site.migrated_s:.1f} s (under 15 s promised).")


def _table(seconds: dict[str, list[float]]) -> list[Row]:
    """Return a row per operation, and one for a checkout without its call to Stripe."""
    medians = {name: statistics.median(some) * 1000 for name, some in seconds.items()}
    p95 = {name: f"{statistics.quantiles(some, n=20)[-1] * 1000:.1f} ms" for name, some in seconds.items()}
    medians[BESIDE] = medians[CHECKOUT] - medians[STRIPE_CALL]
    rows: list[Row] = [("operation", "median", "p95", "to empty", "promise")]
    for name, median in medians.items():
        limit = LIMITS_MS.get(name)
        promise = f"under {limit} ms: {'kept' if median < limit else 'NOT KEPT'}" if limit else ""
        rows.append((name, f"{median:.1f} ms", p95.get(name, ""), f"{median / medians[EMPTY]:.1f}x", promise))
    return rows


class Site:
    """A site with its own database and sandbox, on free ports."""

    def __init__(self, processes: Processes, database_url: str) -> None:
        port = free_port()
        self.url = f"http://localhost:{port}"
        webhook = ["--webhook-url", f"{self.url}{API}/webhook", "--webhook-secret", WEBHOOK_SECRET]
        self.sandbox = start_sandbox(processes, *webhook)
        control(self.sandbox, "webhooks/mode", mode="hold")
        environment = {
            "DJANGO_SETTINGS_MODULE": "config.settings.dev",
            "DATABASE_URL": database_url,
            "SITE_URL": self.url,
            "SANDBOX_URL": self.sandbox,
            "LOG_LEVEL": "WARNING",
        }
        with Host(ours.__name__, database_url, **environment) as host:
            self.migrated_s = float(host.call("migrate"))
            host.call("load_catalogue")
        start_site(processes, environment, port, workers=1, threads=4)
        self.session = requests.Session()
        # Checked locally, so the provider is not part of what is measured.
        self.session.headers["Authorization"] = bearer_token(self.sandbox, username="buyer", expires_in=3600)

    def operations(self) -> dict[str, Callable[[], float]]:
        """Return what is measured, by name; each returns its seconds."""
        return {
            EMPTY: lambda: self._timed("GET", "/health/live"),
            PACKAGES: lambda: self._timed("GET", f"{API}/packages"),
            "balance": lambda: self._timed("GET", f"{API}/balance"),
            "history, 50 rows": lambda: self._timed("GET", f"{API}/history?limit=50"),
            STRIPE_CALL: self._stripe_call,
            CHECKOUT: lambda: self._timed("POST", f"{API}/purchase", {"package_code": "pro"}),
            WEBHOOK: self._webhook,
        }

    def _timed(self, method: str, path: str, json: Any = None) -> float:
        begun = time.perf_counter()
        answer = self.session.request(method, self.url + path, json=json, timeout=30)
        seconds = time.perf_counter() - begun
        answer.raise_for_status()
        return seconds

    def _stripe_call(self) -> float:
        """Make the same call to the same local Stripe without our code: the rest of a checkout is ours."""
        begun = time.perf_counter()
        open_checkout(self.sandbox)
        return time.perf_counter() - begun

    def _webhook(self) -> float:
        """Time one `checkout.session.completed` of a paid purchase, as Stripe sees it."""
        order = {"package_code": "starter"}
        started = self.session.post(f"{self.url}{API}/purchase", json=order, timeout=30)
        pay(self.sandbox, started.json()["session_id"])
        released = control(self.sandbox, "webhooks/release", types=["checkout.session.completed"])
        attempt = released["released"][-1]["attempts"][-1]
        if attempt["status"] != 200:
            raise RuntimeError(f"The webhook answered {attempt['status']}: {attempt['body']}")
        control(self.sandbox, "webhooks/drop")
        return float(attempt["duration_ms"]) / 1000
