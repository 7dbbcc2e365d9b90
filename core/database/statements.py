"""Run the hot path's statements: prepared, on Django's connection, in one round trip."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import psycopg
from django.db import DEFAULT_DB_ALIAS, DataError, IntegrityError, connections

from core.database.prepared import PreparedStatements

Row = tuple[Any, ...]

# Kept on psycopg's connection and not on Django's, which takes changing ones from the pool.
KEPT = "credits_prepared_statements"
UNDO = "credits_undo"


def call(statement: str, arguments: Sequence[Any]) -> list[Row]:
    """Return a statement's rows, on Django's connection and in its transaction.

    Django's cursor puts the arguments into each statement's text, so PostgreSQL parses and plans it every time. This
    one sends them separately and lets the server keep the plan, if DATABASE_PREPARED_STATEMENTS allows it. Code that
    watches Django's statements (tests that count them, debugging) still sees them.
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
    """Act as `call`, except that a data error undoes only this statement: an open transaction can continue.

    There it runs behind a savepoint, sent in the same round trip; alone it needs none.
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
        cursor.set_result(-2)  # the last result is RELEASE's; the audit may have sent a statement first
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
