"""Ask a server one question, and give up if it doesn't answer in time.

No limit of PostgreSQL's helps where the server, or a pooler before it, takes the question and keeps silent.
"""

from __future__ import annotations

from select import POLLIN, poll
from time import monotonic
from typing import Any

import psycopg
from psycopg.pq import ExecStatus
from psycopg.pq.abc import PGresult


class NoAnswer(psycopg.OperationalError):
    """The server took too long."""


def ask_within(connection: psycopg.Connection[Any], query: bytes, seconds: float) -> list[str | None]:
    """Return the query's only row, as PostgreSQL writes its values. After an error the connection is of no more use.

    Raises:
        NoAnswer: it took too long.
        psycopg.Error: the server refused, or is gone.
    """
    pgconn = connection.pgconn
    ends_at = monotonic() + seconds
    waiting = poll()
    waiting.register(pgconn.socket, POLLIN)
    pgconn.send_query(query)
    pgconn.flush()
    row: list[str | None] = []
    while True:
        while pgconn.is_busy():
            if not waiting.poll(max(0.0, ends_at - monotonic()) * 1000):
                raise NoAnswer(f"No answer within {seconds} seconds.")
            pgconn.consume_input()
        result = pgconn.get_result()
        if result is None:
            return row
        row = _row_of(result)


def _row_of(result: PGresult) -> list[str | None]:
    if result.status != ExecStatus.TUPLES_OK:
        raise psycopg.OperationalError(result.get_error_message())
    values = (result.get_value(0, column) for column in range(result.nfields))
    return [None if value is None else bytes(value).decode() for value in values]
