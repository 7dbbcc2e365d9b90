"""Mark what takes time, for OpenTelemetry, and name the trace that the program is in.

Off unless `core.tracing.starting` installs it. Then nothing here costs more than a look at a variable, and nothing of
OpenTelemetry is imported. Attributes never hold personal data, queries, parameters or secrets: they leave the house.
"""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from contextlib import AbstractContextManager, nullcontext
from enum import Enum
from typing import Any, Protocol

# The name of a trace's id in log lines and in the metadata of entries.
TRACE = "trace"

Attributes = Mapping[str, str | int]


class Kind(Enum):
    """The part a span plays between programs: SERVER answers, CLIENT asks, CONSUMER runs a job."""

    INTERNAL = "internal"
    SERVER = "server"
    CLIENT = "client"
    CONSUMER = "consumer"


class Span(Protocol):
    """A step under way."""

    def rename(self, name: str) -> None: ...

    def note(self, **attributes: str | int) -> None:
        """Add attributes; a double underscore in a name stands for a dot."""

    def fail(self, error_type: str) -> None:
        """Mark the step as failed, by an exception's class or a status, without its message."""


class Tracing(Protocol):
    """What `install` takes."""

    def span(
        self, name: str, kind: Kind, attributes: Attributes, caller: Mapping[str, str]
    ) -> AbstractContextManager[Span]: ...

    def trace(self) -> str: ...

    def traceparent(self) -> str: ...

    def is_recording(self) -> bool: ...


class _NoSpan:
    def rename(self, name: str) -> None:
        pass

    def note(self, **attributes: str | int) -> None:
        pass

    def fail(self, error_type: str) -> None:
        pass


_NO_SPAN: AbstractContextManager[Span] = nullcontext(_NoSpan())
_tracing: Tracing | None = None


def install(tracing: Tracing | None) -> None:
    """Have what follows traced; None ends that."""
    global _tracing  # noqa: PLW0603  # a program traces or it doesn't
    _tracing = tracing


def span(
    name: str,
    kind: Kind = Kind.INTERNAL,
    attributes: Attributes | None = None,
    caller: Mapping[str, str] | None = None,
) -> AbstractContextManager[Span]:
    """Return the context of one step. An exception that leaves it marks the step as failed.

    ``caller`` has the caller's ``traceparent`` and perhaps ``tracestate`` (https://www.w3.org/TR/trace-context/), whose
    trace is continued if they are valid.
    """
    if _tracing is None:
        return _NO_SPAN
    return _tracing.span(name, kind, attributes or {}, caller or {})


def current_trace() -> str:
    """Return the current trace's id, whether it is sampled or not; empty outside of a trace."""
    return "" if _tracing is None else _tracing.trace()


def traceparent() -> str:
    """Return what continues the current trace elsewhere; empty outside of a trace."""
    return "" if _tracing is None else _tracing.traceparent()


def is_recording() -> bool:
    """Return whether a step inside this one would be kept."""
    return _tracing is not None and _tracing.is_recording()


def add_trace(logger: Any, method: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Add the trace's id to a log line, as a processor of structlog."""
    if trace := current_trace():
        line[TRACE] = trace
    return line
