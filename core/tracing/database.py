"""Make a span of each statement inside a traced step, without its values.

OpenTelemetry's instrumentation of psycopg doesn't see the hot path's prepared statements (docs/decisions/tracing.md).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import lru_cache
from typing import Any

from django.db.backends.signals import connection_created

from core.tracing.spans import Kind, Span, is_recording, span

LONGEST_TEXT = 2000
# Values that somebody wrote into a statement's text. Ours are sent beside it, as %s.
VALUES = re.compile(r"'(?:[^']|'')*'|\b\d+(?:\.\d+)?\b")
# Savepoints take no time, and there are many.
MARK = re.compile(r"(?:RELEASE )?SAVEPOINT \S+")
SAVEPOINT = re.compile(r"^\s*SAVEPOINT \w+;\s*")
KEYWORD = re.compile(r"\s*(\w+)")
SUBJECT = re.compile(r"\b(?:FROM|INTO|UPDATE) \"?([a-z_]\w*)", re.IGNORECASE)
NO_SUBJECTS = frozenset({"of", "only", "select", "set", "skip", "unnest"})


def watch_connections() -> None:
    """Trace the statements of every connection that Django opens from now on."""
    connection_created.connect(_watch, dispatch_uid="core.tracing.database")


def statement_span(sql: str) -> AbstractContextManager[Span]:
    """Return the span of a statement."""
    name, attributes = _described(sql)
    return span(name, Kind.CLIENT, attributes)


def trace_statement(
    execute: Callable[..., Any], sql: str, params: Any, many: bool, context: dict[str, Any]
) -> Any:
    """Run a statement of Django's cursor in a span, if the step around it is kept."""
    if not is_recording() or MARK.fullmatch(sql):
        return execute(sql, params, many, context)
    with statement_span(sql):
        return execute(sql, params, many, context)


def is_watched_by_others(connection: Any) -> bool:
    """Return whether anything but `trace_statement` wraps the connection's statements."""
    wrappers = connection.execute_wrappers
    return bool(wrappers) and wrappers != [trace_statement]


def _watch(*, connection: Any, **_: Any) -> None:
    if trace_statement not in connection.execute_wrappers:
        # Outermost: the audit's wrapper adds a statement with its context, which is nobody's business.
        connection.execute_wrappers.insert(0, trace_statement)


@lru_cache(maxsize=1000)
def _described(sql: str) -> tuple[str, dict[str, str]]:
    """Return a statement's name, such as ``SELECT credits_spend``, and its attributes."""
    text = SAVEPOINT.sub("", str(sql))
    keyword = KEYWORD.match(text)
    verb = keyword[1].upper() if keyword else "SQL"
    subject = next((one for one in SUBJECT.findall(text) if one.lower() not in NO_SUBJECTS), "")
    name = f"{verb} {subject}".strip()
    shown = VALUES.sub("?", " ".join(text.split()))[:LONGEST_TEXT]
    return name, {"db.system.name": "postgresql", "db.query.summary": name, "db.query.text": shown}
