"""Empties the tables after a test that committed: those that have rows, past the triggers that forbid it."""

from __future__ import annotations

from functools import cache

from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper

# Filled by migrations, not by tests.
KEPT_TABLES = {
    "django_migrations",
    "django_content_type",
    "auth_permission",
    "auth_group",
    "auth_group_permissions",
}
JOBS = [
    "procrastinate_jobs",
    "procrastinate_events",
    "procrastinate_periodic_defers",
    "procrastinate_workers",
]


def empty_tables() -> None:
    """Needs a superuser, as the embedded one is. Where a request that is still under way crosses it, the request is the
    one that loses.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica; SET LOCAL deadlock_timeout = '1min'")
        # A request has some seconds; emptying a long table takes more.
        cursor.execute("SET LOCAL statement_timeout = '2min'")
        delete_rows(cursor)


def delete_rows(cursor: CursorWrapper) -> None:
    """Inside of a transaction that goes past the triggers. Django's TRUNCATE takes long over 120 tables."""
    cursor.execute(
        " UNION ALL ".join(f"SELECT '{table}' WHERE EXISTS (SELECT FROM \"{table}\")" for table in tables())
    )
    filled = [table for (table,) in cursor.fetchall()]
    if filled:
        cursor.execute("".join(f'DELETE FROM "{table}";' for table in filled))


@cache
def tables() -> list[str]:
    """All that a test may fill."""
    ours = set(connection.introspection.django_table_names(only_existing=True)) - KEPT_TABLES
    return sorted(ours | set(JOBS))
