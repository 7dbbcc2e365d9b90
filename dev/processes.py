"""Start processes with a log file each, see whether they answer, and end them together."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

GRACE_S = 8
LINUX_PDEATHSIG = 1
# Loaded here: between fork and exec, only the call itself is safe.
LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None


@dataclass(frozen=True)
class Process:
    name: str
    popen: subprocess.Popen[bytes]
    log: Path

    def last_lines(self, count: int = 15) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-count:])


class Processes:
    """Start processes, and end every one of them, newest first."""

    def __init__(self, logs: Path) -> None:
        self.logs = logs
        self.running: list[Process] = []
        logs.mkdir(parents=True, exist_ok=True)

    def start(self, name: str, command: Sequence[str], environment: Mapping[str, str]) -> Process:
        log = self.logs / f"{name}.log"
        with log.open("wb") as output:
            popen = subprocess.Popen(
                command,
                env={**os.environ, **environment},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                # A group of its own: Ctrl-C reaches only the parent, which then ends them in order.
                start_new_session=True,
                preexec_fn=end_with_parent,  # noqa: PLW1509 - one system call, no lock
            )
        process = Process(name, popen, log)
        self.running.append(process)
        return process

    def ended(self) -> Process | None:
        """Return a process that has ended by itself, if there is one."""
        return next((process for process in self.running if process.popen.poll() is not None), None)

    def stop_all(self) -> None:
        for process in reversed(self.running):
            _signal_group(process, signal.SIGTERM)
        deadline = time.monotonic() + GRACE_S
        for process in self.running:
            try:
                process.popen.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                _signal_group(process, signal.SIGKILL)
                process.popen.wait()
        self.running.clear()


def answers(url: str) -> bool:
    """Return whether a server answers there, with anything but an error."""
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:  # noqa: S310 - always http on localhost
            return bool(answer.status < 500)
    except (urllib.error.URLError, OSError):
        return False


def _signal_group(process: Process, number: signal.Signals) -> None:
    try:
        os.killpg(process.popen.pid, number)
    except ProcessLookupError:
        return  # it has already ended


def end_with_parent() -> None:
    """Have Linux end the process if its parent is killed without a chance to clean up. Called between fork and exec."""
    if LIBC is not None:
        LIBC.prctl(LINUX_PDEATHSIG, signal.SIGTERM)
