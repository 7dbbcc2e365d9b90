"""Calls that start at the same moment, or cross, each in its own thread with its own database connection."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
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


def cross(first: Callable[[Callable[[], None]], T], second: Callable[[], T]) -> list[T]:
    """What two calls give that cross. ``first`` calls what it is given in its open transaction: ``second``
    begins then, and ``first`` goes on once ``second`` is done, or waits for a lock that ``first`` has.
    """
    is_open, done = Event(), Event()

    def dawdle() -> None:
        is_open.set()
        _wait_for(done)

    def come_second() -> T:
        assert is_open.wait(20)
        try:
            return second()
        finally:
            done.set()

    return at_once(partial(first, dawdle), come_second)


def _wait_for(done: Event) -> None:
    for _ in range(2000):
        if done.wait(0.005):
            return
        with connection.cursor() as cursor:
            cursor.execute(WAITS_FOR_ME)
            if cursor.fetchone()[0]:
                return
    raise TimeoutError("The other one neither ended nor waited.")
