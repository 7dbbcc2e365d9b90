"""Folders of tests with a command of their own: a run of everything leaves them out, and says so at its end.

What they need takes minutes to start, or is more than Python.
"""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

ROOT = Path(__file__).resolve().parent.parent.parent
OWN_COMMANDS = {ROOT / "tests/keycloak": "make test-keycloak"}


class Run(Protocol):
    """What pytest's configuration says of a run."""

    args: list[str]

    @property
    def rootpath(self) -> Path: ...


def is_left_out(path: Path, run: Run) -> bool:
    """Whether this is such a folder, and the run asks for nothing in it."""
    return path in OWN_COMMANDS and not any(asked.is_relative_to(path) for asked in _asked_for(run))


def describe_left_out(run: Run) -> list[str]:
    """A line for each such folder that would otherwise be a part of the run."""
    asked_for = _asked_for(run)
    return [
        f"Not a part of this run: {folder.relative_to(ROOT)} ({command})"
        for folder, command in OWN_COMMANDS.items()
        if is_left_out(folder, run) and any(folder.is_relative_to(asked) for asked in asked_for)
    ]


def _asked_for(run: Run) -> list[Path]:
    return [(run.rootpath / argument.split("::")[0]).resolve() for argument in run.args]
