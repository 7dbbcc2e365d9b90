"""Install the other ledgers' packages, pinned with hashes, in a virtual environment of their own."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

from bench.cluster import FOLDER

REQUIREMENTS = Path(__file__).with_name("requirements.txt")
ENVIRONMENT = FOLDER / "venv"
PYTHON = ENVIRONMENT / "bin" / "python"
STAMP = ENVIRONMENT / ".requirements"


def others_python() -> str:
    """Return the interpreter that has them, installed on the first run and whenever the pins change.

    Raises:
        CalledProcessError: they could not be installed.
    """
    wanted = hashlib.sha256(REQUIREMENTS.read_bytes() + sys.version.encode()).hexdigest()
    if not STAMP.exists() or STAMP.read_text() != wanted:
        print("Installing the other ledgers ...", flush=True)
        uv = str(Path(sys.executable).with_name("uv"))
        _run(uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(ENVIRONMENT))
        _run(uv, "pip", "sync", "--quiet", "--python", str(PYTHON), "--require-hashes", str(REQUIREMENTS))
        STAMP.write_text(wanted)
    return str(PYTHON)


def _run(*command: str) -> None:
    subprocess.run(command, check=True)
