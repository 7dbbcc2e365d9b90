"""The embedded server's list of who uses it survives that several processes start at once."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import fasteners

DEAD = 2**22 + 1  # above the highest process id that Linux gives

FORGET = """
import sys
from pathlib import Path
from dev import database

database.LOCK = database.fasteners.InterProcessLock(sys.argv[2])
print("ready", flush=True)
database._forget_the_dead(Path(sys.argv[1]))
"""


def test_the_dead_are_forgotten_only_while_nobody_else_writes_the_list(tmp_path: Path) -> None:
    users, lock = tmp_path / ".handle_pids.json", fasteners.InterProcessLock(tmp_path / "lock")
    users.write_text(json.dumps([DEAD]))
    command = [sys.executable, "-c", FORGET, str(tmp_path), str(tmp_path / "lock")]
    with lock:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        time.sleep(0.5)
        assert json.loads(users.read_text()) == [DEAD]
    assert process.wait(timeout=20) == 0
    assert json.loads(users.read_text()) == []
