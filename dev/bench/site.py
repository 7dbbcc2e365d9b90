"""How fast the site answers, one part of `make bench`, as ratios to an empty answer of the same server in the same run.

Machines are shared and noisy, so a number of milliseconds says little by itself; the rounds are interleaved and the
medians compared. Everything is real: granian, PostgreSQL, HTTP to the local Stripe, signed webhooks.
"""

from __future__ import annotations

import datetime
import io
import os
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import requests

from dev.database import LOCAL, embedded_url
from dev.demo import PATIENCE_S, WEBHOOK_SECRET, free_port, wait_until_answers
from dev.processes import Processes

ROUNDS = 40
WARM_UP = 5


@dataclass
class Operation:
    """One thing measured: ``run`` gives its seconds; ``limit_ms`` is what the project promises of it."""

    name: str
    run: Callable[[], float]
    limit_ms: float | None = None
    seconds: list[float] = field(default_factory=list)

    @property
    def median_ms(self) -> float:
        return statistics.median(self.seconds) * 1000

    @property
    def p95_ms(self) -> float:
        return statistics.quantiles(self.seconds, n=20)[-1] * 1000


def main(rounds: int = ROUNDS) -> int:
    """Runs the benchmark and prints its table. Returns 0; a slow machine is no failure."""
    processes = Processes(LOCAL / "log")
    try:
        site = Site(processes)
        operations = site.operations()
        for number in range(WARM_UP + rounds):
            for operation in operations:
                seconds = operation.run()
                if number >= WARM_UP:
                    operation.seconds.append(seconds)
            _show_progress((number + 1) / (WARM_UP + rounds))
        _print_table(operations)
        print(f"Migrating a new database took {site.migrated_s:.1f} s (under 15 s promised).")
    finally:
        processes.stop_all()
    return 0


class Site:
    """A site of its own beside the demo: own database, own sandbox, free ports."""

    def __init__(self, processes: Processes) -> None:
        port, sandbox_port = free_port(), free_port()
        self.url, self.sandbox = f"http://localhost:{port}", f"http://localhost:{sandbox_port}"
        webhook = f"{self.url}/api/v1/billing/credits/webhook"
        environment = {
            "DJANGO_SETTINGS_MODULE": "config.settings.dev",
            "DATABASE_URL": os.environ.get("DATABASE_URL") or _empty_database(),
            "SITE_URL": self.url,
            "SANDBOX_URL": self.sandbox,
            "LOG_LEVEL": "WARNING",
        }
        os.environ.update(environment)
        command = [sys.executable, "-m", "sandbox", "--port", str(sandbox_port)]
        sandbox = processes.start(
            "bench-sandbox",
            [*command, "--webhook-url", webhook, "--webhook-secret", WEBHOOK_SECRET],
            environment,
        )
        wait_until_answers(sandbox, f"{self.sandbox}/_sandbox/clock", PATIENCE_S)
        requests.post(
            f"{self.sandbox}/_sandbox/webhooks/mode", json={"mode": "hold"}, timeout=10
        ).raise_for_status()
        self._prepare()
        command = [sys.executable, "-m", "granian", "--interface", "wsgi", "config.wsgi:application"]
        command += ["--port", str(port), "--workers", "1", "--blocking-threads", "4"]
        web = processes.start("bench-web", command, environment)
        wait_until_answers(web, f"{self.url}/health/live", PATIENCE_S)
        self.session = requests.Session()
        self.session.headers["Authorization"] = f"Bearer {self._token()}"

    def _prepare(self) -> None:
        import django
        from django.core.management import call_command

        django.setup()
        begun = time.perf_counter()
        call_command("migrate", interactive=False, verbosity=0)
        self.migrated_s = time.perf_counter() - begun
        call_command("load_catalog", "billing/packages/catalogs/standard.toml", stdout=io.StringIO())
        call_command("sync_catalog", stdout=io.StringIO())

    def _token(self) -> str:
        """A bearer token: checked locally, so no provider is part of what is measured."""
        asked: dict[str, Any] = {"username": "buyer", "expires_in": 3600}
        answer = requests.post(f"{self.sandbox}/_sandbox/openid/token", json=asked, timeout=10)
        return str(answer.json()["access_token"])

    def operations(self) -> list[Operation]:
        api = "/api/v1/billing/credits"
        return [
            Operation("empty answer (/health/live)", lambda: self._timed("GET", "/health/live")),
            Operation("package list", lambda: self._timed("GET", f"{api}/packages"), limit_ms=100),
            Operation("balance", lambda: self._timed("GET", f"{api}/balance")),
            Operation("history, 50 rows", lambda: self._timed("GET", f"{api}/history?limit=50")),
            Operation("the Stripe call of a checkout", self._stripe_call),
            Operation("checkout, the Stripe call included", self._checkout),
            Operation("webhook, credits a purchase", self._webhook, limit_ms=200),
        ]

    def _timed(self, method: str, path: str, json: Any = None) -> float:
        begun = time.perf_counter()
        answer = self.session.request(method, self.url + path, json=json, timeout=30)
        seconds = time.perf_counter() - begun
        answer.raise_for_status()
        return seconds

    def _checkout(self) -> float:
        return self._timed("POST", "/api/v1/billing/credits/purchase", {"package_code": "pro"})

    def _stripe_call(self) -> float:
        """The same call to the same local Stripe without us: what is left of a checkout is ours."""
        from django.utils import timezone

        from billing.packages.models import Package
        from billing.stripe.gateway import CheckoutRequest, create_checkout_session

        package = Package.objects.get(code="pro")
        request = CheckoutRequest(
            purchase_id=f"bench-{time.perf_counter_ns()}",
            user_id="bench",
            package_code=package.code,
            package_id="",
            package_name=package.name,
            credits=str(package.credits),
            bought=f"{package.credits} credits",
            price_id=package.current_price_id,
            product_id=package.stripe_product_id,
            price_minor=package.price_minor,
            currency=package.currency,
            email="buyer@example.com",
            success_url=self.url,
            cancel_url=self.url,
            expires_at=timezone.now() + datetime.timedelta(hours=1),
            with_invoice=False,
        )
        begun = time.perf_counter()
        create_checkout_session(request)
        return time.perf_counter() - begun

    def _webhook(self) -> float:
        """From Stripe's side: one `checkout.session.completed` of a paid purchase, until our answer."""
        started = self.session.post(
            f"{self.url}/api/v1/billing/credits/purchase", json={"package_code": "starter"}, timeout=30
        )
        session_id = started.json()["session_id"]
        pay = f"{self.sandbox}/_sandbox/checkout/sessions/{session_id}/pay"
        requests.post(pay, json={"card": "4242424242424242"}, timeout=30).raise_for_status()
        release = {"types": ["checkout.session.completed"]}
        released = requests.post(f"{self.sandbox}/_sandbox/webhooks/release", json=release, timeout=30).json()
        attempt = released["released"][-1]["attempts"][-1]
        if attempt["status"] != 200:
            raise RuntimeError(f"The webhook answered {attempt['status']}: {attempt['body']}")
        requests.post(f"{self.sandbox}/_sandbox/webhooks/drop", json={}, timeout=30).raise_for_status()
        return float(attempt["duration_ms"]) / 1000


def _empty_database() -> str:
    """A new database on the embedded server, so that migrating it is part of what is measured."""
    import psycopg

    with psycopg.connect(embedded_url("postgres"), autocommit=True) as connection:
        connection.execute("DROP DATABASE IF EXISTS credits_bench WITH (FORCE)")
    return embedded_url("credits_bench")


def _show_progress(share: float) -> None:
    if sys.stdout.isatty():
        print(f"\r{share:4.0%}", end="\n" if share >= 1 else "", flush=True)


def _print_table(operations: list[Operation]) -> None:
    empty = operations[0].median_ms
    stripe = next(operation for operation in operations if operation.name.startswith("the Stripe call"))
    print(f"\n{'operation':<38}{'median':>10}{'p95':>10}{'to empty':>10}   promise")
    for operation in operations:
        promise = f"under {operation.limit_ms:.0f} ms: {_kept(operation)}" if operation.limit_ms else ""
        ratio = operation.median_ms / empty
        print(
            f"{operation.name:<38}{operation.median_ms:>7.1f} ms{operation.p95_ms:>7.1f} ms{ratio:>9.1f}x   {promise}"
        )
    checkout = next(operation for operation in operations if operation.name.startswith("checkout"))
    beside = checkout.median_ms - stripe.median_ms
    kept = "kept" if beside < 500 else "NOT KEPT"
    name = "checkout beside the Stripe call"
    print(f"{name:<38}{beside:>7.1f} ms{'':>10}{beside / empty:>9.1f}x   under 500 ms: {kept}")
    print(
        f"{len(operations[0].seconds)} interleaved rounds, one client, granian with 1 worker, {os.cpu_count()} cores."
    )


def _kept(operation: Operation) -> str:
    return "kept" if operation.median_ms < (operation.limit_ms or 0) else "NOT KEPT"


if __name__ == "__main__":
    sys.exit(main())
