"""Store the counts of rate limits where all processes see them: in PostgreSQL, or in Redis where it is configured.

Both only add up. A count belongs to a window, which is known by its end: Unix time, by the clock of whoever counts. The
first count of a later window takes the place of the earlier one.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import NamedTuple, Protocol, cast

from django.core.cache import caches
from django.db import Error, connection

from core.breaker import Breaker
from core.failsafe_cache import FailsafeRedisCache


class Added(NamedTuple):
    """What to add to a name's count in the window that ends at ``ends_at``."""

    name: str
    ends_at: int
    number: int


class Store(Protocol):
    """Where counts are added up. Used by one thread of a process."""

    @property
    def is_away(self) -> bool:
        """Return whether the store failed the last time."""

    def add(self, counts: Sequence[Added]) -> dict[str, int] | None:
        """Add the counts, of names that differ, and return the sums; without names whose window has ended. None: the
        store is away, and may have added them or not.
        """

    def rest(self) -> None:
        """Free what isn't needed until the next call."""


# For the statement that is sent with it, in the same round trip.
IMPATIENTLY = "SELECT set_config('lock_timeout', '500ms', true), set_config('statement_timeout', '2s', true)"
# In the order of names, so that two processes never wait for each other.
ADD = """
INSERT INTO limits_count AS kept (name, ends_at, count)
SELECT * FROM unnest(%s::text[], %s::bigint[], %s::bigint[]) ORDER BY 1
ON CONFLICT (name) DO UPDATE SET
    ends_at = greatest(kept.ends_at, excluded.ends_at),
    count = CASE
        WHEN kept.ends_at = excluded.ends_at THEN greatest(0, kept.count + excluded.count)
        WHEN kept.ends_at < excluded.ends_at THEN excluded.count
        ELSE kept.count
    END
RETURNING name, ends_at, count
"""
# Never waits for a row, so it can't stop those who count.
FORGET = """
DELETE FROM limits_count WHERE name IN (
    SELECT name FROM limits_count WHERE ends_at < %s LIMIT %s FOR UPDATE SKIP LOCKED
)
"""
ROWS_AT_ONCE = 2000


class PostgreSQLStore:
    """The table ``limits_count``, with one row per name. Its patience is short: a limit isn't worth waiting for."""

    def __init__(self) -> None:
        self._breaker = Breaker("counts", Error)

    @property
    def is_away(self) -> bool:
        return self._breaker.is_away

    def add(self, counts: Sequence[Added]) -> dict[str, int] | None:
        sums = self._breaker.ask(lambda: self._add(counts), None)
        if sums is None:
            connection.close()
        return sums

    def _add(self, counts: Sequence[Added]) -> dict[str, int]:
        names, ends, numbers = (list(column) for column in zip(*counts, strict=True))
        with connection.cursor() as cursor:
            cursor.execute(f"{IMPATIENTLY}; {ADD}", [names, ends, numbers])
            cursor.nextset()  # that of ADD
            rows = cursor.fetchall()
        current = dict(zip(names, ends, strict=True))
        return {name: number for name, ends_at, number in rows if ends_at == current[name]}

    def rest(self) -> None:
        connection.close()


class RedisStore:
    """Counters in the cache, forgotten a minute after their window: clocks may differ."""

    GRACE_S = 60

    @property
    def is_away(self) -> bool:
        return _redis().is_away

    def add(self, counts: Sequence[Added]) -> dict[str, int] | None:
        sums = _redis().count_up(
            [(f"rate:{name}:{ends_at}", number, ends_at + self.GRACE_S) for name, ends_at, number in counts]
        )
        return None if sums is None else dict(zip((each.name for each in counts), sums, strict=True))

    def rest(self) -> None:
        """Keep the connection: Redis has plenty."""


def _redis() -> FailsafeRedisCache:
    return cast(FailsafeRedisCache, caches["default"])


def delete_old_counts() -> int:
    """Delete the counts of past windows from PostgreSQL, some thousands per transaction; return how many."""
    deleted, gone = 0, ROWS_AT_ONCE
    with connection.cursor() as cursor:
        while gone == ROWS_AT_ONCE:
            cursor.execute(FORGET, [int(time.time()), ROWS_AT_ONCE])
            gone = int(cursor.rowcount)
            deleted += gone
    return deleted
