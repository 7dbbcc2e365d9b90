"""Record what a background job changes under the job's name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from procrastinate import App, JobContext

from accounts.audit.context import acting


def name_jobs(app: App) -> None:
    """Add the middleware that names jobs; procrastinate's ``ON_APP_READY``."""
    wrapping = app.worker_defaults.setdefault("task_middleware", [])
    app.worker_defaults["task_middleware"] = [*wrapping, in_its_name]


def in_its_name(call_next: Callable[[], Any], context: JobContext, worker: Any) -> Any:
    with acting(cause=f"job {context.job.task_name}"):
        return call_next()
