"""Take locks that last until the transaction ends: on rows, and on names where there is no row."""

from __future__ import annotations

from django.db import connection


def require_transaction() -> None:
    """Refuse to continue without an open transaction: a lock taken now would be released immediately.

    Raises:
        RuntimeError: no transaction is open.
    """
    if not connection.in_atomic_block:
        raise RuntimeError("A lock needs an open transaction: without one it is released at once.")


def take_turns(name: str) -> None:
    """Wait for this name's lock, and hold it until the transaction ends. Callers with other names don't wait.

    Raises:
        RuntimeError: no transaction is open.
    """
    require_transaction()
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [name])
