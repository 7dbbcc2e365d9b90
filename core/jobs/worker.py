"""Run the worker: one process with a worker for each queue.

Jobs wait for external services, not for the processor, so threads are enough: a process per queue would take several
times the memory. While the database is away the worker waits, and then continues.
"""

from __future__ import annotations

import asyncio
import signal
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import structlog
from django.db import connection
from procrastinate.contrib.django import app
from procrastinate.contrib.django.utils import connector_params
from procrastinate.exceptions import ConnectorException
from procrastinate.psycopg_connector import PsycopgConnector
from psycopg import OperationalError

from core.database.pooler import is_behind_pooler
from core.jobs.measuring import expect_jobs, measure
from core.jobs.queues import PLACES
from core.monitoring.server import serve_metrics

logger = structlog.get_logger(__name__)

AGAIN_AFTER_S = 2.0
# Besides one per job: asyncio resolves host names in threads too.
SPARE_THREADS = 4
LOST = (ConnectorException, OperationalError)


def run_worker() -> None:
    """Work until SIGTERM or SIGINT; jobs that are running then are completed.

    Raises:
        OSError: WORKER_METRICS_PORT is taken.
    """
    warn_of_pooler()
    # By default the pool waits longer after each try, up to minutes.
    connector = PsycopgConnector(
        kwargs=connection_options(), min_size=1, max_size=len(PLACES), timeout=10, reconnect_timeout=5
    )
    serve_metrics()
    with app.replace_connector(connector):
        asyncio.run(_work(connector))


def connection_options() -> dict[str, Any]:
    """Return how the worker's own pool connects: as Django does, and without prepared statements behind a pooler."""
    options: dict[str, Any] = connector_params()
    if is_behind_pooler(connection):
        options["prepare_threshold"] = None  # `core.database.pooler` looks after Django's connections only
    return options


def warn_of_pooler() -> None:
    """Say that jobs start late behind PgBouncer in transaction mode: it loses LISTEN, and the worker has to look."""
    if is_behind_pooler(connection):
        logger.warning(
            "worker_behind_pooler",
            why="PGBOUNCER is true: jobs start up to five seconds late. Give the worker a DATABASE_URL that leads "
            "to PostgreSQL directly, and PGBOUNCER=false.",
        )


async def _work(connector: PsycopgConnector) -> None:
    loop = asyncio.get_running_loop()
    loop.set_default_executor(ThreadPoolExecutor(sum(PLACES.values()) + SPARE_THREADS))
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    work = asyncio.create_task(_open_and_work(connector, stopping))
    stop = asyncio.create_task(stopping.wait())
    await asyncio.wait([work, stop], return_when=asyncio.FIRST_COMPLETED)
    work.cancel()
    stop.cancel()
    await asyncio.gather(stop, return_exceptions=True)
    try:
        await work
    except asyncio.CancelledError:
        logger.info("worker_stopped")


async def _open_and_work(connector: PsycopgConnector, stopping: asyncio.Event) -> None:
    while True:
        try:
            await connector.open_async()
            break
        except LOST as error:
            await connector.close_async()
            await _wait_for_database("all", error)
    try:
        await expect_jobs()
        async with asyncio.TaskGroup() as lanes:
            for queue, places in PLACES.items():
                lanes.create_task(_keep_working(queue, places, stopping))
    finally:
        await connector.close_async()


async def _keep_working(queue: str, places: int, stopping: asyncio.Event) -> None:
    """Run one queue's worker, and restart it after losing the database."""
    while not stopping.is_set():
        lost: Exception | None = None
        try:
            await app.run_worker_async(
                name=queue,
                queues=[queue],
                concurrency=places,
                install_signal_handlers=False,
                worker_middleware=[measure],
            )
        except LOST as error:
            lost = error
        if not stopping.is_set():
            await _wait_for_database(queue, lost)


async def _wait_for_database(queue: str, error: Exception | None) -> None:
    # A failed heartbeat ends it without an error.
    logger.warning("worker_lost_database", queue=queue, error=type(error).__name__ if error else "heartbeat")
    await asyncio.sleep(AGAIN_AFTER_S)
