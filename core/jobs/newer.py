"""Leave the jobs of a newer version to its own workers, while both versions run.

During an upgrade a new web process may defer a task that an old worker doesn't know. Procrastinate would give such a
job up at once; here it is retried, and the next to take it up may be a new worker.
"""

from __future__ import annotations

from typing import Any

from procrastinate import App
from procrastinate.tasks import Task

from core.jobs.retrying import PATIENTLY


class UnknownTask(Exception):
    """This version has no such task."""


class TasksOfAnyVersion(dict[str, Task[Any, Any, Any]]):
    """An app's tasks, and on request one that fails, and is retried, for any other name."""

    def __init__(self, app: App) -> None:
        super().__init__(app.tasks)
        self._app = app

    def get(self, name: str, default: Any = None) -> Any:
        """Return the task; workers ask by this."""
        return (
            self[name]
            if name in self
            else Task(fail, blueprint=self._app, name=name, queue="", retry=PATIENTLY)
        )


def fail(**arguments: Any) -> None:
    """Raise UnknownTask."""
    raise UnknownTask("This version has no such task. A newer one may: the job waits for its worker.")
