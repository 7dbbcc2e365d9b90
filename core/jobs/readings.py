"""Read how far the jobs are behind: how long the oldest waits, and when each periodic one last succeeded."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache
from itertools import pairwise

from croniter import croniter
from django.db import connection
from procrastinate.contrib.django import app
from prometheus_client.core import GaugeMetricFamily

from core.jobs.measuring import periodic_tasks, run_name
from core.jobs.queues import PLACES
from core.monitoring.health import register_check
from core.monitoring.last_runs import last_runs, last_success
from core.monitoring.readings import gauge, labelled, register_reader

# A worker's heartbeat comes every ten seconds.
ALIVE_WITHIN_S = 60
LATE_AFTER_S = 600
# Due and not begun. A job has no time of its own, only its first event has; a retried one has the time to retry at. The
# partial index on what waits is all that is read, beside the first event of each job.
WAITING = """
SELECT j.queue_name, count(*), max(extract(epoch FROM now() - coalesce(j.scheduled_at, deferred.at)))
FROM procrastinate_jobs j
LEFT JOIN LATERAL (
    SELECT at FROM procrastinate_events e WHERE e.job_id = j.id AND j.scheduled_at IS NULL ORDER BY e.id LIMIT 1
) deferred ON true
WHERE j.status = 'todo' AND (j.scheduled_at IS NULL OR j.scheduled_at <= now())
GROUP BY j.queue_name
"""
# Failed, and to be tried again. On its own, as it counts what isn't due too; the same partial index is read.
RETRYING = """
SELECT task_name, count(*) FROM procrastinate_jobs WHERE status = 'todo' AND attempts > 0 GROUP BY task_name
"""
WORKERS = (
    "SELECT count(*) FROM procrastinate_workers WHERE last_heartbeat > now() - make_interval(secs => %s)"
)


def register() -> None:
    """Have the jobs read at each scrape, and at a look at the site's health."""
    register_reader("jobs", _read_waiting)
    register_reader("periodic_jobs", _read_periodic)
    register_check("worker", _worker_problem)
    register_check("jobs", _late_problem)


def waiting_jobs() -> dict[str, tuple[int, float]]:
    """Return for each queue how many jobs are due and not begun, and how many seconds the oldest has waited."""
    with connection.cursor() as cursor:
        cursor.execute(WAITING)
        found = {queue: (number, float(age or 0)) for queue, number, age in cursor.fetchall()}
    return {queue: found.get(queue, (0, 0.0)) for queue in (*PLACES, *sorted(found.keys() - PLACES.keys()))}


def retrying_jobs() -> dict[str, int]:
    """Return for each task how many of its jobs failed and wait to be tried again, due or not."""
    with connection.cursor() as cursor:
        cursor.execute(RETRYING)
        found = dict(cursor.fetchall())
    return {task: found.get(task, 0) for task in sorted(app.tasks.keys() | found.keys())}


def workers_alive() -> int:
    """Count the queues' workers that gave a sign of life within the last minute; each process has one per queue."""
    with connection.cursor() as cursor:
        cursor.execute(WORKERS, [ALIVE_WITHIN_S])
        number: int = cursor.fetchone()[0]
    return number


@cache
def longest_interval(cron: str) -> float:
    """Return the most seconds between two runs of a cron line."""
    runs = croniter(cron, datetime(2024, 1, 1, tzinfo=UTC))
    times: list[float] = [runs.get_next(float) for _ in range(50)]
    return max(later - earlier for earlier, later in pairwise(times))


def _read_waiting() -> Iterator[GaugeMetricFamily]:
    waiting = waiting_jobs().items()
    yield labelled(
        "credits_jobs_waiting",
        "Jobs that are due and not begun.",
        "queue",
        ((queue, number) for queue, (number, _age) in waiting),
    )
    yield labelled(
        "credits_job_lag_seconds",
        "How long the oldest job that is due has waited.",
        "queue",
        ((queue, age) for queue, (_number, age) in waiting),
    )
    yield labelled(
        "credits_jobs_retrying",
        "Jobs that failed and wait to be tried again.",
        "task",
        retrying_jobs().items(),
    )
    yield gauge("credits_workers", "Queues' workers with a sign of life in the last minute.", workers_alive())


def _read_periodic() -> Iterator[GaugeMetricFamily]:
    tasks = periodic_tasks()
    runs = last_runs(run_name(task) for task in tasks)
    yield labelled(
        "credits_job_last_success_timestamp_seconds",
        "When a periodic job last succeeded; if never, since when it is expected; 0 if no worker ever ran.",
        "task",
        ((task, last_success(runs.get(run_name(task)))) for task in tasks),
    )
    yield labelled(
        "credits_job_interval_seconds",
        "The most seconds between two runs of a periodic job.",
        "task",
        ((task, longest_interval(cron)) for task, cron in tasks.items()),
    )


def _worker_problem() -> str:
    return "" if workers_alive() else "no worker runs"


def _late_problem() -> str:
    late = {queue: age for queue, (_number, age) in waiting_jobs().items() if age > LATE_AFTER_S}
    return ", ".join(f"{queue}: the oldest job has waited {age:.0f} s" for queue, age in late.items())
