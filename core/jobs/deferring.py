"""Defer background jobs by name, without importing them. They commit or roll back with the transaction.

They continue its trace, if there is one.
"""

from __future__ import annotations

from datetime import timedelta

from procrastinate import RetryStrategy
from procrastinate.contrib.django import app

from core.tracing.jobs import traced

# Seconds after each failure: 10, 310, 610, …: some two days in total, like Stripe's own retries.
PATIENTLY = RetryStrategy(max_attempts=35, wait=10, linear_wait=300)


def defer(
    task: str, /, *, lock: str | None = None, after: timedelta | None = None, **arguments: str | int
) -> None:
    """Defer a task of an app's ``tasks.py`` by its registered name. Jobs with the same ``lock`` run one at a time.

    Raises:
        procrastinate.exceptions.TaskNotFound: there is no task of this name.
    """
    schedule_in = {"seconds": int(after.total_seconds())} if after else None
    job = app.configure_task(task, allow_unknown=False, lock=lock, schedule_in=schedule_in)
    job.defer(**traced(arguments))
