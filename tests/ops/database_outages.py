"""A database that can't serve: a row is locked, or nobody is let in."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

import psycopg
from django.db import connection

from tests.support.databases import without_pool


@contextmanager
def locked(table: str, key: UUID) -> Iterator[None]:
    """Somebody's transaction that has locked the row and does nothing more."""
    holder = connection.copy()
    try:
        with holder.cursor() as cursor:
            cursor.execute(f"BEGIN; SELECT 1 FROM {table} WHERE id = %s FOR UPDATE", [key])
            yield
            cursor.execute("ROLLBACK")
    finally:
        holder.close()


@contextmanager
def database_away() -> Iterator[None]:
    """Nobody new is let into the database; whoever asks has to connect first."""
    given = connection.get_connection_params()
    reached = {name: given[name] for name in ("user", "password", "host", "port") if name in given}
    with without_pool(), psycopg.connect(dbname="postgres", autocommit=True, **reached) as elsewhere:
        name = psycopg.sql.Identifier(given["dbname"])
        allow = psycopg.sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS {}")
        elsewhere.execute(allow.format(name, psycopg.sql.SQL("false")))
        try:
            yield
        finally:
            elsewhere.execute(allow.format(name, psycopg.sql.SQL("true")))
