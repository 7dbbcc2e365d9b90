"""The site as production runs it: granian's WSGI with the image's numbers of processes and threads."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests

from dev.bench.cluster import FOLDER
from dev.bench.environment import production_environment
from dev.bench.hosts import Host
from dev.demo import PATIENCE_S, free_port, wait_until_answers
from dev.processes import Processes

WORKERS, THREADS = 2, 8
SETUP = "dev.bench.contenders.http_setup"


@dataclass(frozen=True)
class Server:
    """``command`` follows the interpreter's ``-m``; ``{port}``, ``{workers}`` and ``{threads}`` are filled in."""

    title: str
    command: str
    environment: Mapping[str, str] = field(default_factory=dict)


GRANIAN = "granian --port {port} --workers {workers}"
AS_IN_PRODUCTION = Server(
    "granian, WSGI, psycopg's pool",
    f"{GRANIAN} --blocking-threads {{threads}} --interface wsgi config.wsgi:application",
)


@contextmanager
def running_server(database_url: str, server: Server = AS_IN_PRODUCTION) -> Iterator[Path]:
    """Gives the file that tells `http_client` where the server is and with what credentials to ask."""
    processes = Processes(FOLDER.parent / "log")
    file = FOLDER / "http.json"
    try:
        provider = _start_provider(processes)
        environment = production_environment(database_url, provider)
        told = _make_callers(database_url, environment)
        told["token"] = f"Bearer {_service_token(provider)}"
        told["port"] = _start_site(processes, server, environment)
        file.write_text(json.dumps(told))
        yield file
    finally:
        processes.stop_all()
        file.unlink(missing_ok=True)


def _start_provider(processes: Processes) -> str:
    port = free_port()
    command = [sys.executable, "-m", "sandbox", "--port", str(port)]
    process = processes.start("bench-provider", command, {})
    wait_until_answers(process, f"http://localhost:{port}/_sandbox/clock", PATIENCE_S)
    return f"http://localhost:{port}"


def _service_token(provider: str) -> str:
    asked: dict[str, Any] = {"client": "service", "expires_in": 7200}
    answer = requests.post(f"{provider}/_sandbox/openid/token", json=asked, timeout=10)
    return str(answer.json()["access_token"])


def _make_callers(database_url: str, environment: dict[str, str]) -> dict[str, Any]:
    host = Host(SETUP, database_url, **environment)
    try:
        return dict(host.call("make_callers", database_url))
    finally:
        host.stop()


def _start_site(processes: Processes, server: Server, environment: dict[str, str]) -> int:
    port = free_port()
    command = server.command.format(port=port, workers=WORKERS, threads=THREADS).split()
    process = processes.start(
        "bench-site", [sys.executable, "-m", *command], {**environment, **server.environment}
    )
    wait_until_answers(process, f"http://localhost:{port}/health/live", PATIENCE_S)
    return port
