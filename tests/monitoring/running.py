"""A worker that serves its metrics, beside the site of `tests.support.served`."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from dev.demo import free_port
from dev.processes import Process, Processes
from tests.monitoring.scraping import TOKEN
from tests.support.sandbox import Sandbox
from tests.support.served import ROOT, database_url


@contextmanager
def running_worker(sandbox: Sandbox, logs: Path) -> Iterator[tuple[str, Process]]:
    """Gives the address of the worker's metrics, and the worker."""
    port, processes = free_port(), Processes(logs)
    environment = {
        "DJANGO_SETTINGS_MODULE": "config.settings.dev",
        "DATABASE_URL": database_url(),
        "SANDBOX_URL": sandbox.url,
        "METRICS_TOKEN": TOKEN,
        "WORKER_METRICS_PORT": str(port),
        "PYTHONPATH": str(ROOT),
    }
    worker = processes.start("worker", [sys.executable, "manage.py", "run_worker"], environment)
    try:
        yield f"http://127.0.0.1:{port}", worker
    finally:
        processes.stop_all()


def wait_until(is_so: Callable[[], bool], worker: Process, patience_s: float = 90) -> None:
    deadline = time.monotonic() + patience_s
    while not is_so():
        assert time.monotonic() < deadline, worker.last_lines()
        assert worker.popen.poll() is None, worker.last_lines()
        time.sleep(0.2)
