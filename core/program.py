"""What a process of the site calls itself at the database, where the audit's triggers read it."""

from __future__ import annotations

import sys
from pathlib import Path

# The two that do the site's daily work. What any other program changes, somebody does by hand.
WEB, WORKER = "web", "worker"
COMMANDS = {"runserver": WEB, "procrastinate": WORKER, "run_worker": WORKER}

_said: list[str] = []


def runs_as(name: str) -> None:
    """For a process that its command line doesn't name, before the settings are read."""
    _said[:] = [name]


def program_name(arguments: list[str]) -> str:
    """``web``, ``worker``, a command such as ``manage.py reconcile``, or else the script's own name."""
    script, *rest = arguments
    path = Path(script)
    name = path.parent.name if path.name == "__main__.py" else path.name  # python -m
    command = rest[0] if name == "manage.py" and rest else ""
    return COMMANDS.get(command, f"{name} {command}".strip())


def this_program() -> str:
    return _said[0] if _said else program_name(sys.argv)
