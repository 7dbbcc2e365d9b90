"""Compare two servers by their positions in PostgreSQL's log of changes: how far it is written, how far replayed.

A position is a number of bytes since the log began (an LSN). A replica that has replayed the log up to a position shows
everything that was committed before it.
"""

from __future__ import annotations

from collections import deque
from threading import Lock
from time import monotonic
from typing import NamedTuple

import psycopg
from django.db import OperationalError, connections

from core.database.replica.impatient import NoAnswer, ask_within
from core.database.replica.routing import PRIMARY, REPLICA

# Without synchronous_commit a commit may still be on its way into the log when it is acknowledged.
WRITTEN = """
    SELECT CASE current_setting('synchronous_commit') WHEN 'off' THEN pg_current_wal_insert_lsn()
                ELSE pg_current_wal_lsn() END
"""
REPLAYED = b"SELECT pg_is_in_recovery(), pg_last_wal_replay_lsn()"
ANSWER_S = 1.0
SAMPLE_EVERY_S = 1.0


class NotAReplica(Exception):
    """The server that should be the replica takes writes: it was promoted, or is the primary."""


class Sample(NamedTuple):
    """The primary had reached this position at this moment of the process's clock, or a little later."""

    at: float
    position: int


class RecentPositions:
    """The primary's positions within the last seconds, as this process happened to read them.

    They tell how far behind a replica is without any clock or privilege, also on an idle primary, and even if the
    replica has lost its primary without noticing.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._read: deque[Sample] = deque()

    def note(self, at: float, position: int) -> None:
        with self._lock:
            self._read.append(Sample(at, position))

    def oldest_within(self, seconds: float) -> Sample:
        """Return the first position that was read within these seconds; the primary is asked once a second."""
        now = monotonic()
        with self._lock:
            while self._read and self._read[0].at < now - seconds:
                self._read.popleft()
            is_due = not self._read or self._read[-1].at < now - SAMPLE_EVERY_S
        if is_due:
            written_position()
        with self._lock:
            return self._read[0]


RECENT = RecentPositions()


def written_position() -> int:
    """Return the primary's position: that of everything committed so far. Raises OperationalError if it is away."""
    at = monotonic()
    with connections[PRIMARY].cursor() as cursor:
        cursor.execute(WRITTEN)
        position = as_number(cursor.fetchone()[0])
    RECENT.note(at, position)
    return position


def replayed_position() -> int:
    """Return the replica's position, on the connection that this thread then reads from.

    Raises:
        OperationalError: it is away.
        NotAReplica: it takes writes.
    """
    in_recovery, position = _ask_replica()
    if in_recovery != "t":
        _leave()
        raise NotAReplica
    return as_number(position) if position else 0


def _leave() -> None:
    """Give up every connection: behind a balancer of several servers, the next ones lead to those that are replicas."""
    replica = connections[REPLICA]
    if pool := getattr(replica, "pool", None):
        pool.drain()
    replica.close()


def _ask_replica() -> list[str | None]:
    """Ask on a connection that is alive: those that the pool kept while the replica was restarted aren't."""
    replica = connections[REPLICA]
    for _ in range(replica.settings_dict["OPTIONS"].get("pool", {}).get("max_size", 1)):
        replica.ensure_connection()
        try:
            return ask_within(replica.connection, REPLAYED, ANSWER_S)
        except NoAnswer as error:
            replica.close()
            raise OperationalError(str(error)) from error
        except psycopg.Error:
            replica.close()
    replica.ensure_connection()
    with replica.wrap_database_errors:
        return ask_within(replica.connection, REPLAYED, ANSWER_S)


def as_number(position: str) -> int:
    """Return PostgreSQL's notation, such as ``16/B374D848``, as a number."""
    high, low = position.split("/")
    return (int(high, 16) << 32) + int(low, 16)
