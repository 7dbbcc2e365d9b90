"""Lets transactions that do the same thing take turns, where no row stands for it that they could lock."""

from __future__ import annotations

from django.db import connection


def take_turns(name: str) -> None:
    """Waits for whoever has taken the turn of this name, and has it until the transaction ends. It holds up nobody
    else: a slow mail server, say, must not keep others from writing the books.

    Raises:
        RuntimeError: no transaction is open, so the turn would be over at once.
    """
    if not connection.in_atomic_block:
        raise RuntimeError("A turn needs an open transaction: without one it is over at once.")
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [name])
