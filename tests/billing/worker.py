"""The real worker, run on the test's database until no job is left that is due."""

from __future__ import annotations

import asyncio
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from django.db import connection, connections
from procrastinate.contrib.django import app
from procrastinate.contrib.django.models import ProcrastinateJob

from core.jobs.measuring import measure
from core.jobs.queues import MAIL


def run_worker(concurrency: int = 1) -> None:
    """All queues in one worker, until no job is left; the connections of its threads are closed after it."""
    with app.replace_connector(app.connector.get_worker_connector()):  # type: ignore[attr-defined]
        asyncio.run(_work(concurrency))


async def _work(concurrency: int) -> None:
    threads = ThreadPoolExecutor(concurrency)
    asyncio.get_running_loop().set_default_executor(threads)
    async with app.open_async():
        await app.run_worker_async(
            wait=False,
            concurrency=concurrency,
            install_signal_handlers=False,
            listen_notify=False,
            worker_middleware=[measure],
        )
    for _ in range(concurrency):
        threads.submit(connections.close_all)
    threads.shutdown()


def send_to_recipients() -> None:
    """Run the jobs that have an email sent to one of an account's recipients, without a worker."""
    for job in ProcrastinateJob.objects.filter(status="todo", args__has_key="user_id", queue_name=MAIL):
        app.tasks[job.task_name](**job.args)
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM procrastinate_jobs WHERE id = %s", [job.pk])


OURS = ["billing.send_confirmation", "billing.mirror_event"]


def jobs(**filters: Any) -> Counter[tuple[str, str]]:
    """How many jobs there are of each task and status; the periodic ones, which come by the clock, left out."""
    found = ProcrastinateJob.objects.filter(task_name__in=OURS, **filters)
    return Counter(found.values_list("task_name", "status"))
