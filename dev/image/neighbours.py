"""Start what the containers talk to: a PostgreSQL and the sandbox, on this machine's loopback."""

from __future__ import annotations

import secrets
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import requests

from dev.cluster.postgres import Server
from dev.demo import PATIENCE_S, free_port, wait_until_answers
from dev.processes import Processes

HOST = "credits.example.com"
DATABASE = "credits"
WEBHOOK_SECRET = f"whsec_{secrets.token_hex(16)}"


class Neighbours:
    """A database, a Stripe, and the environment that tells the image of both."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self.database = Server("database", folder / "database", free_port())
        self.stripe_url = f"http://127.0.0.1:{free_port()}"
        self.processes = Processes(folder / "log")
        self.metrics_token = secrets.token_hex(16)

    def start(self, webhook_events: str) -> None:
        """Start both; ``webhook_events`` are the types, with commas, that Stripe sends to the site."""
        self.database.create()
        self.database.start()
        self.database.create_database(DATABASE, owner=DATABASE)
        port = self.stripe_url.rsplit(":", 1)[1]
        webhook = f"http://127.0.0.1:{self.port}/api/v1/billing/credits/webhook"
        command = [sys.executable, "-m", "sandbox", "--port", port]
        command += ["--webhook-url", webhook, "--webhook-secret", WEBHOOK_SECRET]
        command += ["--webhook-events", webhook_events]
        sandbox = self.processes.start("sandbox", command, {})
        wait_until_answers(sandbox, f"{self.stripe_url}/_sandbox/clock", PATIENCE_S)

    def stop(self) -> None:
        self.processes.stop_all()
        self.database.kill()  # nothing of it is kept

    @property
    def environment(self) -> dict[str, str]:
        """What `.env` and compose.yaml would say, with the sandbox as Stripe and emails in the log."""
        return {
            "SECRET_KEY": secrets.token_urlsafe(64),
            # Stripe's deliveries come from this machine here; health checks use the first name. In brackets too, as the
            # chart writes a pod's address.
            "ALLOWED_HOSTS": f"{HOST},127.0.0.1,[127.0.0.1]",
            "SITE_URL": f"https://{HOST}",
            "DATABASE_URL": self.database.url(DATABASE, user=DATABASE),
            "DEFAULT_FROM_EMAIL": f"credits@{HOST}",
            "EMAIL_URL": "consolemail://",
            "STRIPE_SECRET_KEY": f"sk_test_{secrets.token_hex(16)}",
            "STRIPE_WEBHOOK_SECRET_CREDITS": WEBHOOK_SECRET,
            "STRIPE_API_BASE": self.stripe_url,
            "STRIPE_CHECKOUT_ORIGIN": self.stripe_url,
            "STRIPE_TIMEOUT_SECONDS": "25",
            "METRICS_TOKEN": self.metrics_token,
            "GRANIAN_HOST": "127.0.0.1",
            "GRANIAN_PORT": str(self.port),
        }

    def control(self, path: str, order: dict[str, Any], method: str = "POST") -> Any:
        """Give the sandbox an order."""
        answer = requests.request(method, f"{self.stripe_url}/_sandbox/{path}", json=order, timeout=30)
        answer.raise_for_status()
        return answer.json()

    def value(self, query: str, parameters: Sequence[Any] = ()) -> Any:
        """Return the only value of a query on the site's database."""
        with self.database.connect(DATABASE) as connection:
            row = connection.execute(query, parameters).fetchone()
        return row[0] if row else None
