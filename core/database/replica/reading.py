"""Read from the replica, by those who can bear an answer that is some seconds old.

    @reads_from_replica
    def history_page(request): ...

    with reading_from_replica():
        counts = count_entries()

Users see what they did themselves (`core.database.replica.own_writes`). Where there is no replica, or it is away or
behind, the same code reads from the primary. docs/replicas.md lists who reads here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial, wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

import structlog
from django.db import connections
from django.http import HttpRequest
from django.template.response import TemplateResponse
from rest_framework.request import Request

from core.database.replica.freshness import BREAKER, fresh_place
from core.database.replica.own_writes import needed_by
from core.database.replica.routing import PRIMARY, REPLICA, Reading, current_reading, inside
from core.outages import DATABASE_AWAY, gave_up

logger = structlog.get_logger(__name__)
T = TypeVar("T")
P = ParamSpec("P")
Asked = TypeVar("Asked", HttpRequest, Request)

# A query that needed rows which the primary has removed meanwhile. The replica is well.
CONFLICT = "40001"
END = object()


@contextmanager
def reading_from_replica(request: HttpRequest | Request | None = None) -> Iterator[Reading]:
    """Read from the replica if it has what the request's user must see; without a request, all there is now.

    Nothing may be written inside. A block inside another one, or inside a transaction, changes nothing.
    """
    outer = current_reading()
    reading = outer or Reading(fresh_place(partial(needed_by, request)))
    with inside(reading):
        yield reading


def read_from_replica(request: HttpRequest | Request | None, read: Callable[[], T]) -> T:
    """Return what ``read`` returns. If the replica fails meanwhile, read again from the primary."""
    with reading_from_replica(request):
        return again_on_primary(read)


def reads_from_replica(view: Callable[Concatenate[Asked, P], T]) -> Callable[Concatenate[Asked, P], T]:
    """Decorate a view that only reads, so that it reads from the replica."""

    @wraps(view)
    def reading(request: Asked, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return answer_from_replica(request, partial(view, request, *args, **kwargs))

    return reading


def answer_from_replica(request: HttpRequest | Request, view: Callable[[], T]) -> T:
    """Return a view's response, rendered."""

    def rendered() -> T:
        response = view()
        return response.render() if isinstance(response, TemplateResponse) else response  # type: ignore[return-value]

    return read_from_replica(request, rendered)


def again_on_primary(read: Callable[[], T]) -> T:
    """Return what ``read`` returns; if the replica fails meanwhile, the block goes on at the primary."""
    try:
        return read()
    except DATABASE_AWAY as error:
        reading = current_reading()
        if reading is None or reading.place == PRIMARY or gave_up(error) or not _has_failed():
            raise
        _leave(reading, error)
    return read()


def keep_reading(lines: Iterable[T]) -> Iterator[T]:
    """Yield lines that are produced after the block has ended, each from where the block reads."""
    reading = current_reading()
    return iter(lines) if reading is None else _each_inside(reading, iter(lines))


def _each_inside(reading: Reading, lines: Iterator[T]) -> Iterator[T]:
    while True:
        with inside(reading):
            line: Any = next(lines, END)
        if line is END:
            return
        yield line


def _has_failed() -> bool:
    """Return whether it was the replica that failed: Django marks the connection."""
    return connections[REPLICA].errors_occurred


def _leave(reading: Reading, error: BaseException) -> None:
    reading.place = PRIMARY
    connections[REPLICA].close()
    if getattr(error.__cause__, "sqlstate", None) == CONFLICT:
        logger.info("replica_cancelled_query", reason=str(error).partition("\n")[0])
    else:
        BREAKER.note_away(error)
