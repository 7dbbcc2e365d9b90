"""Send each read to the primary or, inside `core.database.replica.reading`'s blocks, to the replica.

The primary is the default. A block only reads: a write inside of it fails in tests, with or without a replica, and is
logged in production (`object_to_write`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import structlog
from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Model

logger = structlog.get_logger(__name__)

PRIMARY, REPLICA = DEFAULT_DB_ALIAS, "replica"
SESSIONS, SESSIONS_TABLE = "sessions", "django_session"
# Who somebody is and what they may see must never be out of date.
ALWAYS_PRIMARY = {"accounts", "auth", "clients", "contenttypes", SESSIONS, "teams"}
# What changes or locks rows. The audit puts a statement of its own before.
CHANGES_ROWS = re.compile(
    r"(^|;)\s*(INSERT|UPDATE|DELETE|MERGE|TRUNCATE|COPY|LOCK)\b|\bFOR (NO KEY UPDATE|UPDATE|SHARE|KEY SHARE)\b",
    re.IGNORECASE,
)


class WriteWhileReading(RuntimeError):
    """Code that only reads tried to write."""


@dataclass
class Reading:
    """A block that only reads. ``place`` is the server it reads from: a replica that fails gives way to the primary."""

    place: str


@dataclass
class Seen:
    """Whether a request wrote something, or showed something that its user must find on the next page."""

    noted: bool = False


_reading: ContextVar[Reading | None] = ContextVar("reading", default=None)
_seen: ContextVar[Seen | None] = ContextVar("seen", default=None)


def has_replica() -> bool:
    return REPLICA in settings.DATABASES


def current_reading() -> Reading | None:
    """Return the innermost block; None outside of any."""
    return _reading.get()


def reading_place() -> str:
    """Return the alias of the database to read from: inside a transaction always the primary's."""
    reading = _reading.get()
    if reading is None or reading.place == PRIMARY or connections[PRIMARY].in_atomic_block:
        return PRIMARY
    return reading.place


def reading_connection() -> BaseDatabaseWrapper:
    """Return the connection for queries written by hand that only read."""
    return connections[reading_place()]


def before_write() -> None:
    """Note a write on the primary; to be called before each that isn't sent by Django's cursor.

    Raises:
        WriteWhileReading: the code around it promised only to read, and DATABASE_REPLICA_STRICT.
    """
    object_to_write("a function of the ledger")
    note_seen()


def object_to_write(what: str) -> None:
    """Object to a write inside a block that only reads: loudly in tests, and for users by reading on from the primary.

    Raises:
        WriteWhileReading: see `before_write`.
    """
    reading = _reading.get()
    if reading is None:
        return
    if settings.DATABASE_REPLICA_STRICT:
        raise WriteWhileReading(f"This block may read from the replica, and would write: {what}")
    logger.error("write_while_reading", what=what)
    reading.place = PRIMARY


def note_seen() -> None:
    """Have this browser's next pages show at least what the primary shows now, whichever server they read from."""
    seen = _seen.get()
    if seen is not None:
        seen.noted = True


@contextmanager
def watching() -> Iterator[Seen]:
    """Collect what `note_seen` notes."""
    seen = Seen()
    token = _seen.set(seen)
    try:
        yield seen
    finally:
        _seen.reset(token)


@contextmanager
def inside(reading: Reading) -> Iterator[None]:
    """Read where this block reads."""
    token = _reading.set(reading)
    try:
        if has_replica() or settings.DATABASE_REPLICA_STRICT:
            with connections[PRIMARY].execute_wrapper(_object_to_changes):
                yield
        else:
            yield
    finally:
        _reading.reset(token)


def _object_to_changes(
    execute: Callable[..., Any], sql: str, params: Any, many: bool, context: dict[str, Any]
) -> Any:
    if CHANGES_ROWS.search(sql) and SESSIONS_TABLE not in sql:
        object_to_write(sql[:80])
    return execute(sql, params, many, context)


class ReplicaRouter:
    """Django's router for models. It answers each question: otherwise Django would write where a row was read."""

    def db_for_read(self, model: type[Model], **hints: Any) -> str:
        return PRIMARY if model._meta.app_label in ALWAYS_PRIMARY else reading_place()

    def db_for_write(self, model: type[Model], **hints: Any) -> str:
        # Asked for an object that is put into another's field, too, so this alone is no write.
        if model._meta.app_label != SESSIONS:
            note_seen()
        return PRIMARY

    def allow_relation(self, obj1: Model, obj2: Model, **hints: Any) -> bool:
        return True

    def allow_migrate(self, db: str, app_label: str, **hints: Any) -> bool:
        return db == PRIMARY
