"""Processes count together: exactly where a limit is small, within a tenth of a second else, and alone without a store.

Each `Counters` is what one process has; the PostgreSQL and the Redis are real.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.db import connection, transaction

from accounts.checks import check_counts
from accounts.limits import stores
from accounts.limits.counters import PATIENCE_S, SEND_EVERY_S, Counters
from accounts.limits.stores import PostgreSQLStore, RedisStore, Store, delete_old_counts
from accounts.tasks import forget_sessions
from config.environment import Environment
from core import breaker
from tests.support.racing import at_once
from tests.support.redis import redis_server

__all__ = ["redis_server"]

pytestmark = pytest.mark.django_db(transaction=True)
ENDS = 4_000_000_000  # a window that outlasts the tests


@pytest.fixture(autouse=True)
def _empty_table() -> Iterator[None]:
    yield
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM limits_count")


@pytest.fixture(params=["postgresql", "redis"])
def make_store(request: Any) -> Callable[[], Store]:
    if request.param == "postgresql":
        return PostgreSQLStore
    server = request.getfixturevalue("redis_server")
    assert server.poll() is None
    settings = request.getfixturevalue("settings")
    patience = {"socket_timeout": 5, "socket_connect_timeout": 5}  # other tests may need the processors
    settings.CACHES = {"default": {**settings.CACHES["default"], "OPTIONS": patience}}
    return RedisStore


def sums() -> dict[str, int]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT name, count FROM limits_count")
        return dict(cursor.fetchall())


def until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_an_exact_count_gives_each_request_of_all_processes_its_own_number(
    make_store: Callable[[], Store],
) -> None:
    processes = [Counters(make_store()) for _ in range(3)]
    numbers = at_once(*[lambda each=each: each.add("a", ENDS, exactly=True) for each in processes * 4])

    assert sorted(numbers) == list(range(1, 13))
    assert processes[0].add("a", ENDS, 0, exactly=True) == 12
    assert processes[0].add("b", ENDS, exactly=True) == 1


def test_other_counts_are_known_to_all_processes_soon(make_store: Callable[[], Store]) -> None:
    here, there = Counters(make_store()), Counters(make_store())
    for _ in range(100):
        here.add("a", ENDS)
    there.add("a", ENDS)
    until(lambda: there.add("a", ENDS, 0) == 101)
    until(lambda: here.add("a", ENDS, 0) == 101)
    here.take_back("a", ENDS)
    until(lambda: there.add("a", ENDS, 0) == 100)


def test_a_request_that_is_counted_sends_nothing_itself(django_assert_num_queries: Any) -> None:
    process = Counters(PostgreSQLStore())
    with django_assert_num_queries(0):
        begun = time.perf_counter()
        for _ in range(1000):
            process.add("a", ENDS)
        assert time.perf_counter() - begun < 1  # a thousand round trips take longer
    until(lambda: sums() == {"a": 1000})


def test_a_new_window_begins_at_one_and_a_late_count_of_the_old_one_changes_nothing() -> None:
    early, late = Counters(PostgreSQLStore()), Counters(PostgreSQLStore())
    assert [early.add("a", ENDS, exactly=True) for _ in range(3)] == [1, 2, 3]
    assert early.add("a", ENDS + 60, exactly=True) == 1
    assert late.add("a", ENDS, exactly=True) == 1  # by its own count
    early.take_back("a", ENDS)
    assert early.add("a", ENDS + 60, exactly=True) == 2


@pytest.mark.parametrize(
    "lock", ["SELECT FROM limits_count WHERE name = 'a' FOR UPDATE", "LOCK TABLE limits_count"]
)
def test_a_locked_count_delays_one_request_and_refuses_none(
    lock: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(breaker, "PAUSE_S", 0.2)
    process = Counters(PostgreSQLStore())
    assert process.add("a", ENDS, exactly=True) == 1
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(lock)
        begun = time.monotonic()
        assert process.add("a", ENDS, exactly=True) == 2
        assert time.monotonic() - begun < 10  # the lock is kept for longer than this block
        until(lambda: "counts_away" in caplog.text)
        begun = time.monotonic()
        assert [process.add("a", ENDS, exactly=True) for _ in range(5)] == [3, 4, 5, 6, 7]
        assert time.monotonic() - begun < 5 * PATIENCE_S
    until(lambda: process.add("b", ENDS, 0, exactly=True) == 0 and not process._store.is_away)  # type: ignore[union-attr]
    assert caplog.text.count("counts_away") == 1


def test_what_may_have_been_counted_is_never_sent_again(monkeypatch: pytest.MonkeyPatch) -> None:
    class LosesAnAnswer(PostgreSQLStore):
        """The database counts, and the connection breaks before it has said so."""

        def add(self, counts: Any) -> Any:
            super().add(counts)
            self.add = super().add  # type: ignore[method-assign]

    process = Counters(LosesAnAnswer())
    assert process.add("a", ENDS, 5, exactly=True) == 5
    assert process.add("a", ENDS, exactly=True) == 6
    assert sums() == {"a": 6}


def test_without_a_store_there_is_no_thread_and_each_process_counts_alone() -> None:
    process = Counters(None)
    assert [process.add("a", ENDS, exactly=True) for _ in range(3)] == [1, 2, 3]
    process.take_back("a", ENDS)
    process.take_back("a", ENDS + 60)
    assert process.add("a", ENDS) == 3
    assert process._thread is None


def test_an_idle_process_keeps_no_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("accounts.limits.counters.IDLE_S", 0.05)
    closed = Event()

    class Watched(PostgreSQLStore):
        def rest(self) -> None:
            super().rest()
            if connection.connection is None:
                closed.set()

    process = Counters(Watched())
    assert process.add("a", ENDS, exactly=True) == 1
    assert closed.wait(10)
    assert process.add("a", ENDS, exactly=True) == 2


def test_the_counts_of_past_windows_are_deleted_and_nobody_is_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(stores, "ROWS_AT_ONCE", 2)
    store, now = PostgreSQLStore(), int(time.time())
    store.add([stores.Added(name, now - 60, 1) for name in "abcde"] + [stores.Added("now", now + 60, 1)])
    assert at_once(lambda: locked_meanwhile("a")) == [4]
    assert set(sums()) == {"a", "now"}
    forget_sessions(timestamp=0)
    assert set(sums()) == {"now"}


def locked_meanwhile(name: str) -> int:
    """How many are deleted while somebody holds this one."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT FROM limits_count WHERE name = %s FOR UPDATE", [name])
        return at_once(delete_old_counts)[0]


def test_counts_are_written_to_no_log() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT relpersistence FROM pg_class WHERE oid = 'limits_count'::regclass")
        assert cursor.fetchone() == ("u",)


# --- Settings --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("single", "workers", "said"),
    [(False, 1, "CACHE_URL"), (False, 4, "CACHE_URL"), (True, 1, ""), (True, 2, "GRANIAN_WORKERS is 2")],
)
def test_production_refuses_counts_per_process_unless_there_is_one(
    settings: Any, single: bool, workers: int, said: str
) -> None:
    settings.DEMO, settings.SINGLE_PROCESS, settings.WEB_PROCESSES = False, single, workers
    messages = [f"{error.msg} {error.hint}" for error in check_counts()]
    assert len(messages) == bool(said)
    assert all(said in message and "CACHE_URL" in message for message in messages)

    settings.COUNT_STORE = "postgresql"
    assert check_counts() == []


@pytest.mark.parametrize(
    ("url", "backend", "store"),
    [
        ("", "django.core.cache.backends.dummy.DummyCache", "postgresql"),
        ("redis://cache:6379/0", "core.failsafe_cache.FailsafeRedisCache", "redis"),
        ("rediss://cache:6379/0", "core.failsafe_cache.FailsafeRedisCache", "redis"),
        ("locmemcache://", "django.core.cache.backends.locmem.LocMemCache", "memory"),
    ],
)
def test_requests_are_counted_in_redis_if_there_is_one_else_in_postgresql(
    monkeypatch: pytest.MonkeyPatch, url: str, backend: str, store: str
) -> None:
    monkeypatch.setenv("CACHE_URL", url)
    caches, counted_in = Environment().shared_cache("CACHE_URL")
    assert (caches["default"]["BACKEND"], counted_in) == (backend, store)


@pytest.mark.parametrize(
    "url", ["cache:6379", "memcache://cache", "dbcache://table", "dummycache://", "redis"]
)
def test_any_other_cache_is_named(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("CACHE_URL", url)
    with pytest.raises(Exception, match="CACHE_URL must begin with redis"):
        Environment().shared_cache("CACHE_URL")


def test_nothing_of_ours_keeps_anything_in_djangos_cache() -> None:
    root = Path(django_settings.BASE_DIR)
    folders = ("config", "core", "backoffice", "accounts", "credits", "billing")
    files = [path for folder in folders for path in (root / folder).rglob("*.py")]
    found = {str(path.relative_to(root)) for path in files if "django.core.cache import" in path.read_text()}
    # The second one asks whether it is there.
    assert found == {"accounts/limits/stores.py", "core/monitoring/shared_cache.py"}
    assert SEND_EVERY_S <= 0.1
