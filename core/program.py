"""Name the site's processes for the database, where the audit's triggers read it."""

from __future__ import annotations

import sys
from pathlib import Path

# These two do the site's daily work. Changes by any other program count as made by hand.
WEB, WORKER = "web", "worker"
COMMANDS = {"runserver": WEB, "procrastinate": WORKER, "run_worker": WORKER}

_said: list[str] = []


def runs_as(name: str) -> None:
    """Name a process whose command line doesn't, before the settings are read."""
    _said[:] = [name]


def program_name(arguments: list[str]) -> str:
    """Return ``web``, ``worker``, a command such as ``manage.py reconcile``, or else the script's own name."""
    script, *rest = arguments
    path = Path(script)
    name = path.parent.name if path.name == "__main__.py" else path.name  # python -m
    command = rest[0] if name == "manage.py" and rest else ""
    return COMMANDS.get(command, f"{name} {command}".strip())


def this_program() -> str:
    return _said[0] if _said else program_name(sys.argv)
