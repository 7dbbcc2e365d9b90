"""Statements of the hot path: prepared on Django's connection, one round trip, little else."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import psycopg
from django.db import DEFAULT_DB_ALIAS, DataError, IntegrityError, connections

from core.database.prepared import PreparedStatements

Row = tuple[Any, ...]

# On psycopg's connection and not on Django's, which gets another one from the pool.
KEPT = "credits_prepared_statements"
UNDO = "credits_undo"


def call(statement: str, arguments: Sequence[Any]) -> list[Row]:
    """The rows of a statement, on Django's connection and in its transaction.

    Django's own cursor writes the arguments into the text of each statement, so PostgreSQL parses and plans it every
    time. This one sends text and arguments apart and lets the server keep the plan, where the setting
    DATABASE_PREPARED_STATEMENTS allows it. Whoever watches Django's statements (tests that count them, debugging) still
    sees them.
    """
    connection = connections[DEFAULT_DB_ALIAS]  # not its proxy, which looks it up again for each attribute
    if connection.queries_logged or connection.execute_wrappers:
        with connection.cursor() as watched:
            watched.execute(statement, arguments)
            rows: list[Row] = watched.fetchall()
            return rows
    connection.ensure_connection()
    connection.validate_no_broken_transaction()
    with connection.wrap_database_errors:
        return _run(connection.connection, statement, arguments)


def call_undoably(statement: str, arguments: Sequence[Any]) -> list[Row]:
    """As `call`, and an error in the data undoes this statement alone: whoever has a transaction open can go on in it.

    There it runs behind a savepoint, which goes along in the same round trip; alone it needs none.
    """
    connection = connections[DEFAULT_DB_ALIAS]
    if not connection.in_atomic_block:
        return call(statement, arguments)
    with connection.cursor() as cursor:
        try:
            cursor.execute(f"SAVEPOINT {UNDO}; {statement}; RELEASE SAVEPOINT {UNDO}", arguments)
        except (DataError, IntegrityError):
            cursor.execute(f"ROLLBACK TO SAVEPOINT {UNDO}; RELEASE SAVEPOINT {UNDO}")
            raise
        cursor.set_result(
            -2
        )  # the last answer is RELEASE's; whoever keeps the history may have asked something first
        rows: list[Row] = cursor.fetchall()
        return rows


def _run(connection: psycopg.Connection[Any], statement: str, arguments: Sequence[Any]) -> list[Row]:
    kept: PreparedStatements | None = getattr(connection, KEPT, None)
    if kept is None:
        kept = PreparedStatements(connection)
        setattr(connection, KEPT, kept)
    if kept.can_run():
        return kept.run(statement, arguments)
    with psycopg.Cursor(connection) as cursor:
        return cursor.execute(statement, arguments).fetchall()
