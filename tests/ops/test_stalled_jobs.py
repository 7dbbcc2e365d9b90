"""Jobs of a worker that died are run by another one, whatever each of them meets."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from django.db import connection
from procrastinate.contrib.django import app
from procrastinate.contrib.django.models import ProcrastinateJob
from procrastinate.jobs import Job
from structlog.testing import capture_logs

from billing import tasks
from core.jobs.stalled import retry_stalled_job
from tests.billing.worker import run_worker

pytestmark = pytest.mark.django_db(transaction=True)

DIE = """
WITH dead AS (INSERT INTO procrastinate_workers (last_heartbeat) VALUES (now() - interval '1 hour') RETURNING id)
UPDATE procrastinate_jobs SET status = 'doing', worker_id = (SELECT id FROM dead) WHERE id = %s
"""


def leave_undone(task: Any, **arguments: Any) -> int:
    """A job that a worker began before it died."""
    job: int = task.configure().defer(**arguments)
    with connection.cursor() as cursor:
        cursor.execute(DIE, [job])
    return job


def status_of(job: int) -> str | None:
    return ProcrastinateJob.objects.filter(pk=job).values_list("status", flat=True).first()


def test_all_are_run_though_the_next_run_of_one_waits_already() -> None:
    periodic = leave_undone(tasks.watch_auto_top_ups, timestamp=0)
    mirror = leave_undone(tasks.mirror_event, event_id="evt_gone")
    waiting = tasks.watch_auto_top_ups.configure().defer(timestamp=10)
    tasks.retry_stalled.configure().defer(timestamp=0)
    run_worker()
    run_worker()  # it may have begun with the job that waits
    assert [status_of(job) for job in (periodic, mirror, waiting)] == [None, "succeeded", "succeeded"]


def test_one_that_its_slow_worker_has_ended_meanwhile_is_left_alone() -> None:
    ended = leave_undone(tasks.mirror_event, event_id="evt_gone")
    ProcrastinateJob.objects.filter(pk=ended).update(status="succeeded")
    job = Job(id=ended, lock=None, queueing_lock=None, queue="", task_name=tasks.mirror_event.name)

    async def look() -> None:
        async with app.open_async():
            await retry_stalled_job(app.job_manager, job)

    with app.replace_connector(app.connector.get_worker_connector()), capture_logs() as logs:  # type: ignore[attr-defined]
        asyncio.run(look())
    assert [line["event"] for line in logs] == ["stalled_job_not_retried"]
    assert status_of(ended) == "succeeded"
