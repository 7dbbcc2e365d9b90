"""Run prepared statements on psycopg's connection without its cursor: a spend takes 43 µs of processor time, not 70.

See docs/decisions/hot-path.md. psycopg's own adapters convert values both ways. Only the waiting differs: libpq's
blocking call, which lets other threads run. A signal is handled once the result has arrived.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count
from typing import Any

import psycopg
from psycopg.adapt import PyFormat, Transformer
from psycopg.pq import DiagnosticField, ExecStatus, TransactionStatus
from psycopg.pq.abc import PGresult

Row = tuple[Any, ...]


class PreparedStatements:
    """The prepared statements of one connection, used by one thread at a time, as the connection is."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection
        self._transformer = Transformer(connection)
        self._names: dict[tuple[str, tuple[int, ...]], bytes] = {}
        self._numbers = count(1)

    def can_run(self) -> bool:
        """Return whether a statement may be prepared, and needs no transaction opened first by psycopg's cursor."""
        if self._connection.prepare_threshold is None:
            return False
        status = self._connection.pgconn.transaction_status
        return status == TransactionStatus.INTRANS or self._connection.autocommit

    def run(self, statement: str, arguments: Sequence[Any]) -> list[Row]:
        """Run a statement with ``%s`` placeholders and return its rows.

        Raises:
            psycopg.Error: as psycopg's cursor does.
        """
        transformer, pgconn = self._transformer, self._connection.pgconn
        values = transformer.dump_sequence(arguments, [PyFormat.AUTO] * len(arguments))
        key = (statement, transformer.types or ())
        name = self._names.get(key)
        if name is None:
            name = b"credits_%d" % next(self._numbers)
            self._check(pgconn.prepare(name, _numbered(statement), transformer.types))
            self._names[key] = name
        result = pgconn.exec_prepared(name, values, transformer.formats)  # type: ignore[arg-type]  # a NULL is None
        self._check(result)
        transformer.set_pgresult(result)
        return transformer.load_rows(0, result.ntuples, tuple)

    def _check(self, result: PGresult) -> None:
        if result.status in (ExecStatus.TUPLES_OK, ExecStatus.COMMAND_OK):
            return
        if not result.error_field(DiagnosticField.SQLSTATE):  # an error of libpq itself: the server is gone
            raise psycopg.OperationalError(result.get_error_message())
        raise psycopg.errors.error_from_result(result)


def _numbered(statement: str) -> bytes:
    """Replace ``%s`` by PostgreSQL's ``$1``, ``$2``, …"""
    first, *others = statement.split("%s")
    return (first + "".join(f"${number}{text}" for number, text in enumerate(others, start=1))).encode()
