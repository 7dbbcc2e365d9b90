"""Start the site and the sandbox as processes on free ports, and use the sandbox's controls."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import requests

from dev.database import LOCAL
from dev.demo import PATIENCE_S, free_port, wait_until_answers
from dev.processes import Processes

CARD = "4242424242424242"
KEY = "sk_test_sandboxsandboxsandboxsandbox"


@contextmanager
def running_processes() -> Iterator[Processes]:
    processes = Processes(LOCAL / "log")
    try:
        yield processes
    finally:
        processes.stop_all()


def start_sandbox(processes: Processes, *arguments: str) -> str:
    """Start a local Stripe and OpenID provider. Returns its URL."""
    port = free_port()
    command = [sys.executable, "-m", "sandbox", "--port", str(port), *arguments]
    process = processes.start("bench-sandbox", command, {})
    url = f"http://localhost:{port}"
    wait_until_answers(process, f"{url}/_sandbox/clock", PATIENCE_S)
    return url


def start_site(
    processes: Processes, environment: Mapping[str, str], port: int, *, workers: int, threads: int
) -> None:
    """Start the site on ``port``, served as in the image, and wait until it answers."""
    server = f"granian --interface wsgi --port {port} --workers {workers} --blocking-threads {threads}"
    command = [sys.executable, "-m", *server.split(), "config.wsgi:application"]
    process = processes.start("bench-site", command, environment)
    wait_until_answers(process, f"http://localhost:{port}/health/live", PATIENCE_S)


def bearer_token(sandbox_url: str, **asked: Any) -> str:
    answer = requests.post(f"{sandbox_url}/_sandbox/openid/token", json=asked, timeout=10)
    answer.raise_for_status()
    return f"Bearer {answer.json()['access_token']}"


def open_checkout(sandbox_url: str) -> dict[str, Any]:
    """Ask the local Stripe for a hosted page, as our checkout does."""
    order = {
        "mode": "payment",
        "line_items[0][quantity]": "1",
        "line_items[0][price_data][currency]": "usd",
        "line_items[0][price_data][unit_amount]": "1000",
        "line_items[0][price_data][product_data][name]": "Pack",
        "success_url": "http://localhost/done",
    }
    return _post(f"{sandbox_url}/v1/checkout/sessions", data=order, auth=(KEY, ""))


def pay(sandbox_url: str, session_id: str) -> dict[str, Any]:
    """Pay it by card, without a browser."""
    return _post(f"{sandbox_url}/_sandbox/checkout/sessions/{session_id}/pay", json={"card": CARD})


def control(sandbox_url: str, path: str, **asked: Any) -> dict[str, Any]:
    """Use one of the sandbox's controls."""
    return _post(f"{sandbox_url}/_sandbox/{path}", json=asked)


def _post(url: str, **request: Any) -> dict[str, Any]:
    answer = requests.post(url, timeout=300, **request)
    answer.raise_for_status()
    found: dict[str, Any] = answer.json()
    return found
