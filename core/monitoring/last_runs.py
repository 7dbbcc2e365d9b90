"""Record and read when something that must happen regularly last happened."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.db import connection, transaction

from core.monitoring.models import LastRun

# For drivers that pass arguments by name. A success clears the problems; a failure keeps the last success's time.
NOTE = """
INSERT INTO monitoring_lastrun AS r (name, ran_at, succeeded_at, problems)
VALUES (%(name)s, now(), CASE WHEN %(problems)s = '' THEN now() END, %(problems)s)
ON CONFLICT (name) DO UPDATE SET
    ran_at = excluded.ran_at,
    succeeded_at = coalesce(excluded.succeeded_at, r.succeeded_at),
    problems = excluded.problems
"""
EXPECT = "INSERT INTO monitoring_lastrun (name) SELECT unnest(%(names)s::text[]) ON CONFLICT DO NOTHING"
MOST_PROBLEMS = 300


def note_arguments(name: str, problems: str = "") -> dict[str, Any]:
    """Return the arguments of `NOTE`."""
    return {"name": name, "problems": problems[:MOST_PROBLEMS]}


def note_run(name: str, problems: str = "") -> None:
    """Record that this ran now, and what it found wrong; nothing: it succeeded."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(NOTE, note_arguments(name, problems))


def expect_runs(names: Iterable[str]) -> None:
    """Expect these from now on, unless they are expected already."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(EXPECT, {"names": list(names)})


def last_runs(names: Iterable[str]) -> dict[str, LastRun]:
    """Return the rows there are, by name, with one query."""
    return {run.name: run for run in LastRun.objects.filter(pk__in=list(names))}


def last_success(run: LastRun | None) -> float:
    """Return the last success as seconds since 1970; of what never succeeded, since when it is expected, or else 0."""
    if run is None:
        return 0.0
    return (run.succeeded_at or run.first_seen_at).timestamp()
