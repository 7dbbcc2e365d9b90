"""Do without prepared statements behind a pooler that loses them.

PgBouncer in transaction mode gives each transaction another connection to PostgreSQL. From 1.21 on, and with
``max_prepared_statements`` above 0, it prepares a client's statements on whichever it gives, under names of its own:
https://www.pgbouncer.org/config.html#max_prepared_statements. Others don't, and a statement that was prepared a moment
ago "does not exist".
"""

from __future__ import annotations

from functools import cache
from threading import Lock
from typing import Any

import psycopg
import structlog
from psycopg.pq import ExecStatus

logger = structlog.get_logger(__name__)

PROBE = b"credits_probe"
WHO_KNOWS_IT = b"SELECT pg_backend_pid(), count(*) FROM pg_prepared_statements WHERE name = 'credits_probe'"


class Pooler:
    """What this process knows about a database's pooler: nothing until its first connection."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._keeps: bool | None = None

    def keeps_prepared_statements(self, connection: psycopg.Connection[Any]) -> bool:
        """Return whether it does; ask once, and warn once if it doesn't."""
        with self._lock:
            if self._keeps is None:
                self._keeps = _keeps(connection)
                if not self._keeps:
                    logger.warning(
                        "prepared_statements_off",
                        why="PGBOUNCER is true, and PgBouncer doesn't keep them: it is older than 1.21, or its "
                        "max_prepared_statements is 0. The ledger works without them, somewhat slower.",
                    )
            return self._keeps


def is_behind_pooler(connection: Any) -> bool:
    """Return whether the operator says so of a connection's database (PGBOUNCER). Django knows one consequence."""
    return bool(connection.settings_dict.get("DISABLE_SERVER_SIDE_CURSORS"))


@cache
def pooler_of(alias: str) -> Pooler:
    """Return one per database: primary and replica may have poolers of their own."""
    return Pooler()


def prepare_only_if_kept(connection: Any, pooler: Pooler | None = None, **_signal: Any) -> None:
    """Turn prepared statements off on a new connection, if they would be lost. A receiver of ``connection_created``."""
    own: psycopg.Connection[Any] = connection.connection
    if not is_behind_pooler(connection) or own.prepare_threshold is None:
        return
    if not (pooler or pooler_of(connection.alias)).keeps_prepared_statements(own):
        own.prepare_threshold = None


def _keeps(connection: psycopg.Connection[Any]) -> bool:
    """Return whether a statement prepared under our name lasts.

    It does if a pooler gave it a name of its own, or if there is no pooler: a replica may be reached directly though
    the primary is not. A pooler is known by the number that it gave the connection: that of no process of PostgreSQL.

    In one transaction, so that both statements get the same connection to PostgreSQL.
    """
    pgconn = connection.pgconn
    _check(pgconn.exec_(b"BEGIN"))
    try:
        _check(pgconn.prepare(PROBE, b"SELECT 1"))
        answer = _check(pgconn.exec_(WHO_KNOWS_IT))
        is_direct = int(answer.get_value(0, 0)) == pgconn.backend_pid
        is_renamed = answer.get_value(0, 1) == b"0"
        if not is_renamed:
            _check(pgconn.exec_(b"DEALLOCATE credits_probe"))
    finally:
        pgconn.exec_(b"COMMIT")
    return is_direct or is_renamed


def _check(result: Any) -> Any:
    if result.status not in (ExecStatus.COMMAND_OK, ExecStatus.TUPLES_OK):
        raise psycopg.OperationalError(result.get_error_message())
    return result
