"""Run the hot path's statements: prepared, on Django's connection, in one round trip.

`select` runs queries; `call` and `call_undoably` run what writes or decides, on the primary.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import psycopg
from django.db import DataError, IntegrityError, connections
from django.db.backends.base.base import BaseDatabaseWrapper

from core.database.prepared import PreparedStatements
from core.database.replica.routing import PRIMARY, before_write, reading_place
from core.tracing.database import is_watched_by_others, statement_span
from core.tracing.spans import is_recording

Row = tuple[Any, ...]

# Kept on psycopg's connection and not on Django's, which takes changing ones from the pool.
KEPT = "credits_prepared_statements"
UNDO = "credits_undo"


def call(statement: str, arguments: Sequence[Any]) -> list[Row]:
    """Return a statement's rows, on Django's connection and in its transaction.

    Django's cursor puts the arguments into each statement's text, so PostgreSQL parses and plans it every time. This
    one sends them separately and lets the server keep the plan, if DATABASE_PREPARED_STATEMENTS allows it. Code that
    watches Django's statements (tests that count them, debugging) still sees them.

    Raises:
        WriteWhileReading: the code around it promised only to read.
    """
    before_write()
    return _run(
        connections[PRIMARY], statement, arguments
    )  # not its proxy, which looks it up for each attribute


def select(statement: str, arguments: Sequence[Any]) -> list[Row]:
    """Return a query's rows as `call` does; inside `reading_from_replica` they are the replica's."""
    return _run(connections[reading_place()], statement, arguments)


def _run(connection: BaseDatabaseWrapper, statement: str, arguments: Sequence[Any]) -> list[Row]:
    if connection.queries_logged or is_watched_by_others(connection):
        with connection.cursor() as watched:
            watched.execute(statement, arguments)
            rows: list[Row] = watched.fetchall()
            return rows
    connection.ensure_connection()
    connection.validate_no_broken_transaction()
    with connection.wrap_database_errors:
        if not is_recording():
            return _run_prepared(connection.connection, statement, arguments)
        with statement_span(statement):
            return _run_prepared(connection.connection, statement, arguments)


def call_undoably(statement: str, arguments: Sequence[Any]) -> list[Row]:
    """Act as `call`, except that a data error undoes only this statement: an open transaction can continue.

    There it runs behind a savepoint, sent in the same round trip; alone it needs none.
    """
    connection = connections[PRIMARY]
    if not connection.in_atomic_block:
        return call(statement, arguments)
    before_write()
    with connection.cursor() as cursor:
        try:
            cursor.execute(f"SAVEPOINT {UNDO}; {statement}; RELEASE SAVEPOINT {UNDO}", arguments)
        except (DataError, IntegrityError):
            cursor.execute(f"ROLLBACK TO SAVEPOINT {UNDO}; RELEASE SAVEPOINT {UNDO}")
            raise
        cursor.set_result(-2)  # the last result is RELEASE's; the audit may have sent a statement first
        rows: list[Row] = cursor.fetchall()
        return rows


def _run_prepared(connection: psycopg.Connection[Any], statement: str, arguments: Sequence[Any]) -> list[Row]:
    kept: PreparedStatements | None = getattr(connection, KEPT, None)
    if kept is None:
        kept = PreparedStatements(connection)
        setattr(connection, KEPT, kept)
    if kept.can_run():
        return kept.run(statement, arguments)
    with psycopg.Cursor(connection) as cursor:
        return cursor.execute(statement, arguments).fetchall()
