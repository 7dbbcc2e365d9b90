"""Statements of the hot path: prepared on Django's connection, one round trip."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import psycopg
from django.db import DEFAULT_DB_ALIAS, connections

Row = tuple[Any, ...]


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
        cursor: psycopg.Cursor[Row] = psycopg.Cursor(connection.connection)
        return cursor.execute(statement, arguments, prepare=True).fetchall()
