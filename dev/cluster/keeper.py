"""Keep processes running, as systemd or Kubernetes does: what ends by itself, or is killed, is started again."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Lock, Thread

from dev.processes import end_with_parent

LOOK_EVERY_S = 0.2
# After several ends within moments, so that a program that can't start doesn't fill its log.
PAUSE_S = 0.5
GRACE_S = 35


@dataclass(frozen=True)
class Program:
    """How to start a process: again and again the same way."""

    command: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    folder: Path | None = None
    user: str | None = None


class Keeper:
    """Start programs by name, and start each again that has ended, until it is stopped on purpose."""

    def __init__(self, logs: Path, say: Callable[[str], None]) -> None:
        self.logs = logs
        self._say = say
        self._programs: dict[str, Program] = {}
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._lock = Lock()
        self._over = Event()
        self._watch = Thread(target=self._keep, daemon=True)
        logs.mkdir(parents=True, exist_ok=True)
        self._watch.start()

    def start(self, name: str, program: Program) -> None:
        """Start a process and keep it running; one of this name that runs already is stopped first."""
        self.stop(name)
        with self._lock:
            self._programs[name] = program
            self._running[name] = self._launch(name, program)

    def kill(self, name: str) -> None:
        """End it at once with all of its processes, as a crash would. It is started again."""
        with self._lock:
            _signal(self._running[name], signal.SIGKILL)

    def stop(self, name: str) -> None:
        """Ask it to end, wait until it has, and leave it stopped. One that takes too long is killed.

        Raises:
            TimeoutError: it had to be killed.
        """
        with self._lock:
            self._programs.pop(name, None)
            process = self._running.pop(name, None)
        if process is not None:
            _end(process)

    def stop_all(self) -> None:
        """Stop everything, what was started last first."""
        self._over.set()
        self._watch.join()
        for name in reversed(list(self._running)):
            with suppress(TimeoutError):
                self.stop(name)

    def runs(self, name: str) -> bool:
        with self._lock:
            process = self._running.get(name)
            return process is not None and process.poll() is None

    def last_lines(self, name: str, count: int = 15) -> str:
        """Return the end of its log."""
        return "\n".join((self.logs / f"{name}.log").read_text(errors="replace").splitlines()[-count:])

    def _launch(self, name: str, program: Program) -> subprocess.Popen[bytes]:
        with (self.logs / f"{name}.log").open("ab") as output:
            return subprocess.Popen(
                program.command,
                env={**os.environ, **program.environment},
                cwd=program.folder,
                user=program.user,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=end_with_parent,  # noqa: PLW1509 - one system call, no lock
            )

    def _keep(self) -> None:
        ended_at: dict[str, float] = {}
        while not self._over.wait(LOOK_EVERY_S):
            with self._lock:
                ended = [name for name, process in self._running.items() if process.poll() is not None]
            for name in ended:
                if time.monotonic() - ended_at.get(name, 0) < PAUSE_S:
                    self._over.wait(PAUSE_S)
                ended_at[name] = time.monotonic()
                self._start_again(name)

    def _start_again(self, name: str) -> None:
        with self._lock:
            program, process = self._programs.get(name), self._running.get(name)
            if program is None or process is None or process.poll() is None or self._over.is_set():
                return  # stopped or replaced meanwhile
            _signal(process, signal.SIGKILL)  # what the process has left behind
            self._running[name] = self._launch(name, program)
        self._say(f"{name} had ended ({process.returncode}) and was started again")


def _end(process: subprocess.Popen[bytes]) -> None:
    """Raises TimeoutError if it doesn't end when asked."""
    _signal(process, signal.SIGTERM)
    try:
        process.wait(GRACE_S)
    except subprocess.TimeoutExpired as error:
        _signal(process, signal.SIGKILL)
        process.wait()
        raise TimeoutError(f"It did not end within {GRACE_S} s.") from error
    _signal(process, signal.SIGKILL)


def _signal(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, number)
