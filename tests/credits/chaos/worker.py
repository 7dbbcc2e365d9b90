"""One worker: does what it plans until its time is up, and asks again until it knows what came of it."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path

from django.db import Error, InterfaceError, OperationalError, connection
from psycopg.errors import DeadlockDetected

from tests.credits.chaos.journal import Journal, Record, read_journal
from tests.credits.chaos.operations import Plans, carry_out

PAUSE_S = 0.02
REPEATS = 0.05


@dataclass(frozen=True)
class Load:
    """What the workers do: for how long, over which accounts, and only some operations or all."""

    folder: Path
    accounts: list[str]
    hot: int
    ends_at: float  # time.monotonic()
    only: list[str]


def work(name: str, life: int, load: Load) -> None:
    """A worker that was killed begins with the operation whose outcome its former life didn't learn."""
    path = load.folder / f"{name}.journal"
    done, pending = read_journal(path)
    journal = Journal(path)
    plans = Plans(name, f"{name} {life} {os.getpid()}", load.accounts, load.hot, load.only)
    plans.shared = len(done) // 4
    for earlier in done[-50:]:
        plans.learn(earlier.operation, earlier.answer)
    if pending:
        journal.answered(_ask(pending))
    while time.monotonic() < load.ends_at:
        operation = plans.next()
        journal.intend(operation)
        answer = _ask(operation)
        journal.answered(answer)
        plans.learn(operation, answer)
        if "key" in operation and plans.random.random() < REPEATS:
            journal.intend(operation)
            journal.answered(_ask(operation))


def _ask(operation: Record) -> Record:
    """Asks with the same key until there is an answer."""
    asked = 0
    while True:
        asked += 1
        try:
            return {**carry_out(operation), "asked": asked}
        except (OperationalError, InterfaceError) as unknown:
            if isinstance(unknown.__cause__, DeadlockDetected):
                return {"error": f"deadlock: {unknown}"}
            connection.close()
            time.sleep(PAUSE_S)
        except Error as error:
            return {"error": f"{type(error).__name__}: {error}"}
