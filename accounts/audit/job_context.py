"""Record what a background job changes under the job's name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from procrastinate import JobContext

from accounts.audit.context import acting


def in_its_name(call_next: Callable[[], Any], context: JobContext, worker: Any) -> Any:
    """Run a job under its name, as a middleware of procrastinate's tasks."""
    with acting(cause=f"job {context.job.task_name}"):
        return call_next()
