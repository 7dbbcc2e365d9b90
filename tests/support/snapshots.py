"""A start that takes seconds is made once in each process and put back, row by row, for each further test of it."""

from __future__ import annotations

import copy
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from django.db import connection, transaction

from tests.support.emptying import delete_rows, empty_tables, tables
from tests.support.sandbox import Sandbox

T = TypeVar("T")
_taken: dict[str, Snapshot] = {}


@dataclass(frozen=True)
class Snapshot:
    """The rows of our tables, as COPY gives them, those of the sandbox, and what was made."""

    ours: dict[str, bytes]
    sandboxes: sqlite3.Connection
    made: Any


def once(name: str, sandbox: Sandbox, make: Callable[[], T]) -> T:
    """What ``make`` gives, after all that it did: by the real parts at first, from a snapshot after that. It must hold
    the webhooks, and nothing may be under way at its end. Whatever was written before is gone.
    """
    if name not in _taken:
        empty_tables()
        made = make()
        _taken[name] = Snapshot(_our_rows(), _rows_of(sandbox), copy.deepcopy(made))
        return made
    snapshot = _taken[name]
    _put_back(snapshot.ours)
    _put_back_at(sandbox, snapshot.sandboxes)
    again: T = copy.deepcopy(snapshot.made)
    return again


def _our_rows() -> dict[str, bytes]:
    with connection.cursor() as cursor:
        rows = {}
        for table in tables():
            with cursor.copy(f"COPY {_with_columns(table)} TO STDOUT") as out:
                rows[table] = b"".join(bytes(part) for part in out)
        return {table: text for table, text in rows.items() if text}


def _put_back(rows: dict[str, bytes]) -> None:
    """Past the triggers and the foreign keys: each row passed them when it was written. Sequences only go on."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica; SET LOCAL statement_timeout = '2min'")
        delete_rows(cursor)
        for table, text in rows.items():
            with cursor.copy(f"COPY {_with_columns(table)} FROM STDIN") as into:
                into.write(text)


def _with_columns(table: str) -> str:
    """All but the generated ones, which COPY refuses."""
    if table not in _columns:
        with connection.cursor() as cursor:
            cursor.execute(
                """
                SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) FROM pg_attribute
                WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped AND attgenerated = ''
                """,
                [f'"{table}"'],
            )
            _columns[table] = f'"{table}" ({cursor.fetchone()[0]})'
    return _columns[table]


_columns: dict[str, str] = {}


def _rows_of(sandbox: Sandbox) -> sqlite3.Connection:
    kept, store = sqlite3.connect(":memory:"), _store_of(sandbox)
    store.backup(kept)
    store.close()
    return kept


def _put_back_at(sandbox: Sandbox, kept: sqlite3.Connection) -> None:
    """Behind the sandbox's back, after its reset. It is told again what it keeps in memory too: the webhooks' mode."""
    store = _store_of(sandbox)
    store.execute("PRAGMA foreign_keys = OFF")
    store.execute("BEGIN IMMEDIATE")
    for (table,) in kept.execute(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
    ):
        store.execute(f'DELETE FROM "{table}"')
        rows = kept.execute(f'SELECT * FROM "{table}"').fetchall()
        if rows:
            places = ", ".join("?" * len(rows[0]))
            store.executemany(f'INSERT INTO "{table}" VALUES ({places})', rows)
    store.execute("COMMIT")
    store.close()
    sandbox.hold_webhooks()


def _store_of(sandbox: Sandbox) -> sqlite3.Connection:
    assert sandbox.state is not None
    return sqlite3.connect(sandbox.state / "sandbox.sqlite3", timeout=20, isolation_level=None)
