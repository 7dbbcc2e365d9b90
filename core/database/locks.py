"""Locks that hold until the transaction ends: on rows, and on names where no row stands for what is done."""

from __future__ import annotations

from django.db import connection


def require_transaction() -> None:
    """Refuse to go on without an open transaction: a lock taken now would be released at once.

    Raises:
        RuntimeError: no transaction is open.
    """
    if not connection.in_atomic_block:
        raise RuntimeError("A lock needs an open transaction: without one it is released at once.")


def take_turns(name: str) -> None:
    """Wait for whoever holds the lock of this name, and hold it until the transaction ends. Nobody else waits: a slow
    mail server, say, must not keep others from writing the books.

    Raises:
        RuntimeError: no transaction is open.
    """
    require_transaction()
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [name])
