"""The other end of `dev.bench.worker`: a contender's process, started once and asked again and again."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dev.bench.load import Load, Pace
from dev.database import LOCAL

ROOT = Path(__file__).resolve().parent.parent.parent


class ContenderFailed(RuntimeError):
    """A contender raised, or its process ended. Says what it said."""


@dataclass(frozen=True)
class Measurement:
    """``finished`` counts the warm-up too: it is what the contender's books must have grown by."""

    per_second: float
    finished: int
    cpu_s: float


class Host:
    """One contender's interpreter. ``module`` is one of dev.bench.contenders, ``url`` its database."""

    def __init__(self, module: str, url: str, python: str = sys.executable, **environment: str) -> None:
        self.name = module.rsplit(".", 1)[-1]
        self.log = LOCAL / "log" / f"bench-{self.name}.log"
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [python, "-m", "dev.bench.worker", module, url],
                cwd=ROOT,
                env={**os.environ, **environment},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        self._read()

    def call(self, function: str, *arguments: Any) -> Any:
        """Calls a function of the contender's module in a process of its own."""
        return self._ask({"do": function, "arguments": arguments})

    def measure(self, load: Load, pace: Pace, option: str = "") -> Measurement:
        command: Mapping[str, Any] = {
            "do": "measure",
            "clients": load.clients,
            "accounts": load.accounts,
            "window_s": pace.window_s,
            "warm_up_s": pace.warm_up_s,
            "option": option,
        }
        answer = self._ask(command)
        return Measurement(float(answer["per_second"]), int(answer["finished"]), float(answer["cpu_s"]))

    def stop(self) -> None:
        if self.process.stdin:
            self.process.stdin.close()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def _ask(self, command: Mapping[str, Any]) -> Any:
        assert self.process.stdin
        self.process.stdin.write(json.dumps(command) + "\n")
        self.process.stdin.flush()
        return self._read()

    def _read(self) -> Any:
        assert self.process.stdout
        line = self.process.stdout.readline()
        if not line:
            tail = "\n".join(self.log.read_text(errors="replace").splitlines()[-15:])
            raise ContenderFailed(f"{self.name} ended: {tail}")
        answer = json.loads(line)
        if isinstance(answer, dict) and "error" in answer:
            raise ContenderFailed(f"{self.name}: {answer['error']}")
        return answer
