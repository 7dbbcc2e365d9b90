"""Defer background jobs by name, without importing them. They commit or roll back with the transaction.

They continue its trace, if there is one.

In a worker procrastinate would write them through the worker's own pool: committed at once, whatever happens to the
transaction they belong to. So they are written through Django's connection there too.
"""

from __future__ import annotations

from datetime import timedelta

from procrastinate.contrib.django import app
from procrastinate.contrib.django.django_connector import DjangoConnector
from procrastinate.jobs import JobDeferrer
from procrastinate.manager import JobManager

from core.tracing.jobs import traced

_DJANGOS_CONNECTION = JobManager(DjangoConnector())


def defer(
    task: str, /, *, lock: str | None = None, after: timedelta | None = None, **arguments: str | int
) -> None:
    """Defer a task of an app's ``tasks.py`` by its registered name. Jobs with the same ``lock`` run one at a time.

    Raises:
        procrastinate.exceptions.TaskNotFound: there is no task of this name.
    """
    schedule_in = {"seconds": int(after.total_seconds())} if after else None
    configured = app.configure_task(task, allow_unknown=False, lock=lock, schedule_in=schedule_in)
    JobDeferrer(_DJANGOS_CONNECTION, configured.job).defer(**traced(arguments))
