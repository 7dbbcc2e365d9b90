"""What really goes over the wire, as the client library of PostgreSQL sees it."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable

from django.db import connection


def round_trips(call: Callable[[], object]) -> int:
    """How often the server said that it was ready again while ``call`` ran: once for each exchange."""
    connection.ensure_connection()
    server = connection.connection.pgconn
    with tempfile.TemporaryFile("w+") as traced:
        server.trace(traced.fileno())
        try:
            call()
        finally:
            server.untrace()
        traced.seek(0)
        return len(re.findall(r"^.*\tB\t\d+\tReadyForQuery", traced.read(), re.MULTILINE))
