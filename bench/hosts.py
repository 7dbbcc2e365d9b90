"""Start `bench.worker` processes and talk to them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.load import Load, Pace
from dev.database import LOCAL

ROOT = Path(__file__).resolve().parent.parent


class ContenderFailed(RuntimeError):
    """A contender raised, or its process ended. Carries its message."""


@dataclass(frozen=True)
class Measurement:
    """``finished`` includes the warm-up: the contender's books must have grown by it."""

    per_second: float
    finished: int = 0
    cpu_s: float = 0.0


class Host(subprocess.Popen[str]):
    """A process that loads ``module``; ``url`` is its database. Use it as a context manager."""

    def __init__(self, module: str, url: str, python: str = sys.executable, **environment: str) -> None:
        self.name = module.rsplit(".", 1)[-1]
        self.log = LOCAL / "log" / f"bench-{self.name}.log"
        self.log.parent.mkdir(parents=True, exist_ok=True)
        command = [python, "-m", "bench.worker", module, url]
        env, pipe = {**os.environ, **environment}, subprocess.PIPE
        with self.log.open("wb") as log:
            super().__init__(command, cwd=ROOT, env=env, stdin=pipe, stdout=pipe, stderr=log, text=True)

    def call(self, function: str, *arguments: Any) -> Any:
        """Call a function of the module in a forked process.

        Raises:
            ContenderFailed: it raised, or the process has ended.
        """
        assert self.stdin
        assert self.stdout
        with suppress(BrokenPipeError):  # its log says why, below
            print(json.dumps([function, *arguments]), file=self.stdin, flush=True)
        line = self.stdout.readline()
        if not line:
            tail = "\n".join(self.log.read_text(errors="replace").splitlines()[-15:])
            raise ContenderFailed(f"{self.name} ended: {tail}")
        answer = json.loads(line)
        if isinstance(answer, dict) and "error" in answer:
            raise ContenderFailed(f"{self.name}: {answer['error']}")
        return answer

    def measure(self, load: Load, pace: Pace, option: str = "", size: int = 1) -> Measurement:
        """Have ``load.clients`` processes repeat the module's operation, which makes ``size`` spends each time."""
        rate, finished, cpu_s = self.call(
            "measure", load.clients, load.accounts, option, pace.warm_up_s, pace.window_s
        )
        return Measurement(rate * size, finished * size, cpu_s)
