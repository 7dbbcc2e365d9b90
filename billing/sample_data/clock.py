"""Set back the clock that the ledger's functions read."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection, transaction

from core.database.statements import call

# The ledger's functions name clock_timestamp() without a schema, so they take the first on the search path.
START = """
CREATE SCHEMA sample_clock;
CREATE FUNCTION sample_clock.clock_timestamp() RETURNS timestamptz LANGUAGE sql
    AS $$ SELECT current_setting('sample_clock.now')::timestamptz $$;
SELECT set_config('search_path', 'sample_clock, ' || current_setting('search_path') || ', pg_catalog', true)
"""
STOP = "DROP SCHEMA sample_clock CASCADE; RESET search_path"


@contextmanager
def own_clock() -> Iterator[None]:
    """Open a transaction whose clock is set by `set_clock`; nobody else ever sees it."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(START)
        yield
        cursor.execute(STOP)


def set_clock(now: datetime.datetime) -> None:
    call("SELECT set_config('sample_clock.now', %s, true)", [now.isoformat()])
