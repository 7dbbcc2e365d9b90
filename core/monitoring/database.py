"""Read the database's size and how far the replica is behind."""

from __future__ import annotations

from collections.abc import Iterator

from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, connection, connections
from prometheus_client.core import GaugeMetricFamily

from core.monitoring.health import migrations_problem, register_check
from core.monitoring.readings import can_reach_database, gauge, register_reader

REPLICA = "replica"
# A replica that has replayed everything is not behind, however long ago the last transaction was.
REPLAYED = """
SELECT pg_wal_lsn_diff(%s::pg_lsn, pg_last_wal_replay_lsn()),
       extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp())
"""
LONGEST_LAG_S = 60.0


def register() -> None:
    """Have the readings of this module taken at each scrape."""
    register_reader("database", _read_size)
    register_reader("migrations", _read_migrations)
    if REPLICA in settings.DATABASES:
        register_reader("replica", _read_replica, may_wait=True)
        register_check("replica", _replica_problem)


def replica_lag(primary: str = DEFAULT_DB_ALIAS, replica: str = REPLICA) -> tuple[float, float]:
    """Return by how many bytes and seconds the replica is behind.

    Raises:
        RuntimeError: it isn't a replica.
        OperationalError: one of the two is away.
    """
    with connections[primary].cursor() as cursor:
        cursor.execute("SELECT pg_current_wal_lsn()")
        (position,) = cursor.fetchone()
    with connections[replica].cursor() as cursor:
        cursor.execute(REPLAYED, [position])
        behind, seconds = cursor.fetchone()
    if behind is None:
        raise RuntimeError("DATABASE_REPLICA_URL names a server that isn't a replica.")
    return max(0.0, float(behind)), max(0.0, float(seconds or 0)) if behind > 0 else 0.0


def _read_size() -> Iterator[GaugeMetricFamily]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_database_size(current_database())")
        yield gauge("credits_database_size_bytes", "Size of the database on disk.", cursor.fetchone()[0])


def _read_migrations() -> Iterator[GaugeMetricFamily]:
    applied = float(not migrations_problem())
    yield gauge(
        "credits_migrations_applied", "Whether the database has all migrations of this code.", applied
    )


def _read_replica() -> Iterator[GaugeMetricFamily]:
    is_up = can_reach_database(REPLICA)
    yield gauge("credits_replica_up", "Whether the process could reach the replica.", float(is_up))
    if is_up:
        behind, seconds = replica_lag()
        yield gauge("credits_replica_lag_bytes", "Log that the replica hasn't replayed.", behind)
        yield gauge("credits_replica_lag_seconds", "How old the replica's data is; 0 if current.", seconds)


def _replica_problem() -> str:
    if not can_reach_database(REPLICA):
        return "it doesn't answer: everything is read from the primary"
    seconds = replica_lag()[1]
    return f"it is {seconds:.0f} s behind" if seconds > LONGEST_LAG_S else ""
