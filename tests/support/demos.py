"""The demo as a newcomer runs it: in a copy of the checkout, with ports and data of its own."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from dev.demo import free_port

ROOT = Path(__file__).resolve().parent.parent.parent


@dataclass
class RunningDemo:
    process: subprocess.Popen[str]
    url: str
    sandbox_url: str
    said: str
    started_in_s: float

    def family(self) -> list[psutil.Process]:
        return list(psutil.Process(self.process.pid).children(recursive=True))


def copy_checkout(target: Path) -> Path:
    """The files of this checkout, without what git ignores: no data, no `.venv`."""
    ignored = [pattern.rstrip("/") for pattern in (ROOT / ".gitignore").read_text().splitlines()]
    shutil.copytree(ROOT, target, ignore=shutil.ignore_patterns(".git", *ignored), dirs_exist_ok=True)
    return target


def demo_environment(port: int, sandbox_port: int) -> dict[str, str]:
    inherited = {
        name: value for name, value in os.environ.items() if name not in {"DATABASE_URL", "XDG_RUNTIME_DIR"}
    }
    inherited.pop("DJANGO_SETTINGS_MODULE", None)
    return {**inherited, "PORT": str(port), "SANDBOX_PORT": str(sandbox_port), "PYTHONUNBUFFERED": "1"}


@contextmanager
def running_demo(checkout: Path, **environment: str) -> Iterator[RunningDemo]:
    """A demo of a copy of the checkout, ended by Ctrl-C."""
    port, sandbox_port = free_port(), free_port()
    begun = time.monotonic()
    with subprocess.Popen(
        [sys.executable, "-m", "dev.demo"],
        cwd=checkout,
        env={**demo_environment(port, sandbox_port), **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        try:
            said = read_until_ready(process)
            url, sandbox_url = f"http://localhost:{port}", f"http://localhost:{sandbox_port}"
            yield RunningDemo(process, url, sandbox_url, said, time.monotonic() - begun)
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGINT)
                process.wait(30)


def read_until_ready(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    said = ""
    for line in process.stdout:
        said += line
        if line.startswith("Ready:"):
            return said
    raise AssertionError(f"The demo ended before it was ready:\n{said}")


def alive(processes: list[psutil.Process]) -> list[psutil.Process]:
    """Those that haven't ended."""
    return [one for one in processes if one.is_running() and one.status() != psutil.STATUS_ZOMBIE]
