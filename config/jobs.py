"""Prepare background jobs, once procrastinate's app is ready."""

from __future__ import annotations

from procrastinate import App

from accounts.audit.job_context import in_its_name
from core.jobs.newer import TasksOfAnyVersion
from core.tracing.jobs import continue_trace


def prepare_jobs(app: App) -> None:
    """Run each job in its trace, record its changes under its name, and lose none of a newer version's; procrastinate's
    ``ON_APP_READY``.
    """
    app.tasks = TasksOfAnyVersion(app)
    wrapping = app.worker_defaults.setdefault("task_middleware", [])
    app.worker_defaults["task_middleware"] = [*wrapping, continue_trace, in_its_name]
