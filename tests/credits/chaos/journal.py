"""What one worker was going to do, and what it was answered: a file that outlives the worker."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Record = dict[str, Any]


@dataclass(frozen=True)
class Done:
    """An operation that was answered."""

    operation: Record
    answer: Record


class Journal:
    """One JSON record per line. An intent without an answer: the worker died, and nobody knows whether it was done."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.file = path.open("ab")

    def intend(self, operation: Record) -> None:
        self._append({"intent": operation})

    def answered(self, answer: Record) -> None:
        """On disk when this returns."""
        self._append({"answer": answer})
        os.fsync(self.file.fileno())

    def _append(self, record: Record) -> None:
        self.file.write(json.dumps(record).encode() + b"\n")
        self.file.flush()


def read_journal(path: Path) -> tuple[list[Done], Record | None]:
    """What was answered, and the operation that was not yet."""
    done: list[Done] = []
    pending: Record | None = None
    for record in _records(path):
        if "intent" in record:
            pending = record["intent"]
        elif pending is not None:
            done.append(Done(pending, record["answer"]))
            pending = None
    return done, pending


def _records(path: Path) -> Iterator[Record]:
    if not path.exists():
        return
    *lines, torn = path.read_bytes().split(b"\n")
    for line in lines:
        yield json.loads(line)
    if torn:  # killed while it wrote: an intent that nobody was asked yet
        with path.open("r+b") as file:
            file.truncate(path.stat().st_size - len(torn))
