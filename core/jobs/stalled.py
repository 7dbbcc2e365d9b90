"""Requeue the jobs of workers that died, or that lost the database for longer than a heartbeat."""

from __future__ import annotations

import structlog
from procrastinate.exceptions import ConnectorException, UniqueViolation
from procrastinate.jobs import Job, Status
from procrastinate.manager import JobManager

logger = structlog.get_logger(__name__)


async def retry_stalled_jobs(manager: JobManager) -> None:
    """Requeue each, whatever happens to the others. Every job may run twice; none may be lost."""
    for job in await manager.get_stalled_jobs():
        await retry_stalled_job(manager, job)


async def retry_stalled_job(manager: JobManager, job: Job) -> None:
    """Requeue one. It is deleted if the next run of its periodic task waits already: that one does the same.

    Left as it is, it would keep its lock, for which the next run waits.
    """
    try:
        await manager.retry_job(job)
    except UniqueViolation:  # of the queueing lock
        await manager.finish_job(job, Status.ABORTED, delete_job=True)
        logger.info("stalled_job_superseded", job=job.id, task=job.task_name)
    except ConnectorException as error:
        # Its worker was only slow and has ended it, or the database failed: then the next look takes it up.
        logger.warning("stalled_job_not_retried", job=job.id, task=job.task_name, error=str(error))
    else:
        logger.info("stalled_job_retried", job=job.id, task=job.task_name)
