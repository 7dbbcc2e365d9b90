"""Programs that use the client, in processes of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

SOURCE = Path(__file__).resolve().parent.parent.parent / "clients/python/src"


@contextmanager
def run_program(text: str, *arguments: Any) -> Iterator[subprocess.Popen[str]]:
    """Python with the client and none of our own settings; killed at the end if it still runs."""
    command = [sys.executable, "-c", text, *map(str, arguments)]
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(SOURCE)}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as program:
        try:
            yield program
        finally:
            program.kill()
