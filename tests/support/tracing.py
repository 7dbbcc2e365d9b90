"""Trace what a test does in its own process, as the site does, with nowhere to send it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON

from core.tracing import spans
from core.tracing.otlp import OpenTelemetry

FIRST, SECOND = "1" * 32, "2" * 32


@contextmanager
def tracing(*, sampled: bool = True) -> Iterator[None]:
    sampler = ALWAYS_ON if sampled else ALWAYS_OFF
    spans.install(OpenTelemetry(TracerProvider(sampler, shutdown_on_exit=False)))
    try:
        yield
    finally:
        spans.install(None)


def in_trace(trace: str) -> AbstractContextManager[spans.Span]:
    """A step that a caller in this trace asked for."""
    return spans.span("test", caller={"traceparent": f"00-{trace}-{'b' * 16}-01"})
