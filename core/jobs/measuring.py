"""Count and time the worker's jobs, and record each periodic job's success."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import Any

import structlog
from procrastinate import JobContext
from procrastinate.contrib.django import app
from procrastinate.exceptions import ConnectorException
from prometheus_client import Counter, Histogram
from psycopg import OperationalError

from core.jobs.queues import PLACES
from core.monitoring.last_runs import EXPECT, NOTE, note_arguments

logger = structlog.get_logger(__name__)

AWAY = (ConnectorException, OperationalError)
JOBS = Counter(
    "credits_jobs_total",
    "Jobs that a worker ran, by task and result: succeeded, retried (failed, to be repeated) or failed for good.",
    ["task", "result"],
)
DURATION = Histogram(
    "credits_job_duration_seconds",
    "How long jobs ran, by queue.",
    ["queue"],
    buckets=(0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 300, 1800),
)
# Runs that no job of ours makes: an operator's scheduler does, or a job that has nothing to say if Stripe is away.
EXPECTED = ("check_ledger", "webhook_endpoint")
RESULTS = ("succeeded", "retried", "failed")


def run_name(task: str) -> str:
    """Return the name under which a periodic job's runs are recorded."""
    return f"job:{task}"


def periodic_tasks() -> dict[str, str]:
    """Return the periodic tasks by name, with their cron line."""
    return {task: periodic.cron for (task, _id), periodic in app.periodic_registry.periodic_tasks.items()}


async def expect_jobs() -> None:
    """Show every task at 0, so that a first failure is a rise, and expect the periodic ones from now on."""
    for task in app.tasks:
        for result in RESULTS:
            JOBS.labels(task, result)
    for queue in PLACES:
        DURATION.labels(queue)
    await _record(EXPECT, {"names": [*(run_name(task) for task in periodic_tasks()), *EXPECTED]})


async def measure(call_next: Callable[[], Awaitable[Any]], context: JobContext, worker: Any) -> Any:
    """Run a job, as procrastinate's worker middleware."""
    began = time.monotonic()
    try:
        result = await call_next()
    except Exception as error:
        result = _result_of(error, context)
        JOBS.labels(context.job.task_name, result).inc()
        if (
            result == "retried"
        ):  # procrastinate logs at this level only what failed for good, and keeps no error
            job = context.job
            logger.warning(
                "job_retried", task=job.task_name, job=job.id, attempt=job.attempts + 1, exc_info=True
            )
        raise
    finally:
        DURATION.labels(context.job.queue).observe(time.monotonic() - began)
    JOBS.labels(context.job.task_name, "succeeded").inc()
    if context.job.task_name in periodic_tasks():
        await _record(NOTE, note_arguments(run_name(context.job.task_name)))
    return result


def _result_of(error: Exception, context: JobContext) -> str:
    task = context.app.tasks.get(context.job.task_name)
    return "retried" if task and task.get_retry_exception(exception=error, job=context.job) else "failed"


async def _record(statement: str, arguments: dict[str, Any]) -> None:
    """Record it on the worker's own connections. If that fails the job has run all the same."""
    try:
        await app.connector.execute_query_async(statement, **arguments)
    except AWAY as error:
        logger.warning("run_not_recorded", error=type(error).__name__)
