"""Calls that start at the same moment, or cross, each in its own thread with its own database connection."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Event
from typing import TypeVar

from django.db import connection, connections

T = TypeVar("T")
WAITS_FOR_ME = """
SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY (pg_blocking_pids(pid)))
"""


def at_once(*calls: Callable[[], T]) -> list[T]:
    """What each call gives, in their order. Raises what the first of them in that order raised, once all ended."""
    barrier = Barrier(len(calls), timeout=20)

    def run(call: Callable[[], T]) -> T:
        try:
            barrier.wait()
            return call()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(calls)) as threads:
        return [future.result() for future in [threads.submit(run, call) for call in calls]]


def wait_for(other: Event) -> None:
    """Keeps this transaction open until the other one is done, or waits for a lock that this one has."""
    for _ in range(2000):
        if other.wait(0.005):
            return
        with connection.cursor() as cursor:
            cursor.execute(WAITS_FOR_ME)
            if cursor.fetchone()[0]:
                return
    raise TimeoutError("The other one neither ended nor waited.")
