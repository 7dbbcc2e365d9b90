"""Keep spends in a file until their outcome is known, so that the process can be killed at any moment.

Each spend is a line of JSON, on disk before the caller continues: ``{"n": 7, "spend": {…}}``. Those whose outcome is
known are listed in another line: ``{"settled": [6, 7]}``. The next process sends all others again with the same keys;
what was already charged is answered as repeated. So a ``settled`` line may be lost; a spend's may not.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from prepaid_credits.amounts import write_json
from prepaid_credits.errors import SpoolDamaged, SpoolInUse

# A spool that is never empty is rewritten once it exceeds what is waiting by this much.
LONGEST_HISTORY_BYTES = 16_000_000


class Spool:
    """Keep the open file. For one process at a time, whose threads may share it."""

    def __init__(self, path: Path) -> None:
        """Open the file. Raises SpoolInUse, SpoolDamaged and OSError."""
        self.path = path
        self._mutex = threading.Lock()
        path.parent.mkdir(parents=True, exist_ok=True)
        self._lock_file = _lock(path.with_name(f"{path.name}.lock"))
        try:
            self.leftovers = _read(path)
            self._lines = {number: _line(number, write_json(spend)) for number, spend in self.leftovers}
            self._file = self._rewrite()
        except BaseException:
            os.close(self._lock_file)
            raise

    def append(self, number: int, spend: bytes) -> None:
        """Write a spend to disk. On OSError it isn't in the spool."""
        line = _line(number, spend)
        with self._mutex:
            self._add(line, is_synced=True)
            self._lines[number] = line

    def settle(self, numbers: Iterable[int]) -> None:
        """Mark spends whose outcome is known. On OSError they will be sent again."""
        settled = list(numbers)
        with self._mutex:
            for number in settled:
                self._lines.pop(number, None)
            if not self._lines:
                os.ftruncate(self._file, 0)
                return
            self._add(write_json({"settled": settled}) + b"\n", is_synced=False)
            if os.lseek(self._file, 0, os.SEEK_END) > LONGEST_HISTORY_BYTES + 2 * sum(
                map(len, self._lines.values())
            ):
                old, self._file = self._file, self._rewrite()
                os.close(old)

    def close(self) -> None:
        with self._mutex:
            os.close(self._file)
            os.close(self._lock_file)

    def _add(self, line: bytes, *, is_synced: bool) -> None:
        """Write the whole line or nothing."""
        end = os.lseek(self._file, 0, os.SEEK_END)
        try:
            _write(self._file, line)
            if is_synced:
                os.fsync(self._file)
        except OSError:
            os.ftruncate(self._file, end)
            raise

    def _rewrite(self) -> int:
        """Replace the file by one with only the current spends."""
        new = self.path.with_name(f"{self.path.name}.new")
        file = os.open(new, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o600)
        _write(file, b"".join(self._lines.values()))
        os.fsync(file)
        new.replace(self.path)
        folder = os.open(self.path.parent, os.O_RDONLY)
        os.fsync(folder)
        os.close(folder)
        return file


def _line(number: int, spend: bytes) -> bytes:
    return b'{"n": %d, "spend": %b}\n' % (number, spend)


def _write(file: int, data: bytes) -> None:
    while data:
        data = data[os.write(file, data) :]


def _read(path: Path) -> list[tuple[int, dict[str, Any]]]:
    """Return the spends that aren't settled, renumbered from 1. A last line without its end was never acknowledged."""
    spends: dict[int, dict[str, Any]] = {}
    lines = path.read_bytes().split(b"\n")[:-1] if path.exists() else []
    for place, line in enumerate(lines, start=1):
        try:
            # Floats stay floats: written again, they are the same text, and so the same spend.
            record = json.loads(line)
            if "settled" in record:
                for number in record["settled"]:
                    spends.pop(number, None)
            else:
                spend = record["spend"]
                spends[record["n"]] = {**spend, "key": spend["key"], "account": spend["account"]}
        except (ValueError, KeyError, TypeError):
            raise SpoolDamaged(f"{path}: line {place} can't be read.") from None
    return list(enumerate(spends.values(), start=1))


def _lock(path: Path) -> int:
    """Open and lock a file until it is closed or the process ends, however it ends."""
    file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    if sys.platform == "win32":  # no such locks there: two processes must not share a spool
        return file
    import fcntl  # noqa: PLC0415 - Windows has none

    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(file)
        raise SpoolInUse(f"{path} is locked by another batch.") from None
    return file
