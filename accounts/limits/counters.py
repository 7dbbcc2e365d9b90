"""Count requests in memory, and learn several times a second what the other processes have counted.

A request that is counted touches no server. A thread of the process sends what was counted since, all names in one
call, and gets the sums of all processes back. So a limit can be exceeded by what the other processes let through within
`SEND_EVERY_S`, some thousandths of a minute's limit, and a spend costs no round trip and meets no lock.

Where that is too much, of small limits such as wrong passwords, a request waits for the sums (``exactly``): for the
next call, which then starts at once. While the store is away each process goes on with its own counts. Nothing is sent
twice: a limit may forgive what was lost, but must never refuse for what didn't happen.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from functools import lru_cache
from threading import Event, Lock, Thread
from time import monotonic, time
from typing import Final

import structlog
from django.conf import settings

from accounts.limits.stores import Added, PostgreSQLStore, RedisStore, Store

logger = structlog.get_logger(__name__)

SEND_EVERY_S = 0.1
# How long a request waits for the sums, and how long an idle thread keeps its connection.
PATIENCE_S = 1.0
IDLE_S = 2.0
MANY: Final = 10_000

IN_POSTGRESQL, IN_REDIS, IN_MEMORY = "postgresql", "redis", "memory"
STORES: dict[str, type[Store] | None] = {
    IN_POSTGRESQL: PostgreSQLStore,
    IN_REDIS: RedisStore,
    IN_MEMORY: None,
}


@dataclass(slots=True)
class Count:
    """A name's count in one window: the sum of all processes as last heard, and what isn't in it yet."""

    ends_at: int
    total: int = 0
    sent: int = 0
    unsent: int = 0

    @property
    def standing(self) -> int:
        return self.total + self.sent + self.unsent


@dataclass(slots=True)
class Batch:
    """What is sent in one call. ``before`` has each name's sum without it, once ``is_done``."""

    counts: dict[str, Count] = field(default_factory=dict)
    before: dict[str, int] = field(default_factory=dict)
    is_done: Event = field(default_factory=Event)

    def take(self) -> list[Added]:
        """Return what is to be sent, and note that it is."""
        for count in self.counts.values():
            count.sent, count.unsent = count.unsent, 0
        return [Added(name, count.ends_at, count.sent) for name, count in self.counts.items()]

    def close(self, sums: dict[str, int]) -> None:
        """Note the sums. Names without one keep what they have counted here."""
        for name, count in self.counts.items():
            if name in sums:
                self.before[name] = sums[name] - count.sent
                count.total = sums[name]
            else:
                count.total += count.sent
            count.sent = 0


class Counters:
    """The counts of one process. Without a store they are all there is."""

    def __init__(self, store: Store | None) -> None:
        self._store = store
        self._lock = Lock()
        self._counts: dict[str, Count] = {}
        self._batch = Batch()
        self._has_work, self._is_urgent = Event(), Event()
        self._thread: Thread | None = None
        self._sending_since: float | None = None
        self._prune_above = MANY

    def add(self, name: str, ends_at: int, number: int = 1, *, exactly: bool = False) -> int:
        """Count in the window that ends at ``ends_at``; return the count, this one included.

        ``exactly``: with what other processes have counted until now, if the store answers in time.
        """
        with self._lock:
            count = self._count_of(name, ends_at)
            count.unsent += number
            standing, position, batch = count.standing, count.unsent, self._batch
            batch.counts[name] = count
        if self._store is None:
            return standing
        self._send(at_once=exactly)
        if exactly and self._may_wait(self._store) and batch.is_done.wait(PATIENCE_S):
            before = batch.before.get(name)
            return standing if before is None else before + position
        return standing

    def take_back(self, name: str, ends_at: int) -> None:
        """Undo one `add` of this process, unless its window has ended."""
        with self._lock:
            count = self._counts.get(name)
            if count is None or count.ends_at != ends_at or count.standing < 1:
                return
            count.unsent -= 1
            self._batch.counts[name] = count
        if self._store is not None:
            self._send(at_once=False)

    def _count_of(self, name: str, ends_at: int) -> Count:
        count = self._counts.get(name)
        if count is None or count.ends_at < ends_at:
            if len(self._counts) > self._prune_above:
                self._prune()
            count = self._counts[name] = Count(ends_at)
        return count

    def _prune(self) -> None:
        now = time()
        self._counts = {name: count for name, count in self._counts.items() if count.ends_at > now}
        self._prune_above = max(MANY, 2 * len(self._counts))

    def _send(self, *, at_once: bool) -> None:
        if self._thread is None:
            self._start()
        if not self._has_work.is_set():
            self._has_work.set()
        if at_once:
            self._is_urgent.set()

    def _start(self) -> None:
        with self._lock:
            if self._thread is None:
                self._thread = Thread(target=self._keep_sending, name="limits", daemon=True)
                self._thread.start()

    def _may_wait(self, store: Store) -> bool:
        since = self._sending_since
        return not store.is_away and (since is None or monotonic() - since < PATIENCE_S)

    def _keep_sending(self) -> None:
        store = self._store
        assert store is not None  # noqa: S101  # else nothing starts this thread
        while True:
            if not self._has_work.wait(IDLE_S):
                store.rest()
                self._has_work.wait()
            self._is_urgent.wait(SEND_EVERY_S)
            self._has_work.clear()
            self._is_urgent.clear()
            try:
                self._send_batch(store)
            except Exception:
                logger.exception("counts_not_sent")

    def _send_batch(self, store: Store) -> None:
        with self._lock:
            batch, self._batch = self._batch, Batch()
            added = batch.take()
        sums: dict[str, int] | None = None
        try:
            if added:
                self._sending_since = monotonic()
                sums = store.add(added)
        finally:
            self._sending_since = None
            with self._lock:
                batch.close(sums or {})
            batch.is_done.set()


def counters() -> Counters:
    """Return this process's counters, with the store of the settings."""
    return _counters_in(settings.COUNT_STORE)


@lru_cache
def _counters_in(name: str) -> Counters:
    store = STORES[name]
    return Counters(store() if store else None)


def forget_counts() -> None:
    """Start from nothing, as a new process does; for tests."""
    _counters_in.cache_clear()


# A thread doesn't survive a fork.
os.register_at_fork(after_in_child=forget_counts)
