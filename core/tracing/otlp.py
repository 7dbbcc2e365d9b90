"""Trace with OpenTelemetry's SDK, sending spans by OTLP over HTTP from a thread of its own.

The SDK reads the standard variables itself: where to, headers, timeouts, sampling, the size of the queue. Imported only
if tracing is on. See docs/decisions/tracing.md.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from multiprocessing.util import Finalize
from threading import Thread
from typing import Any

import requests
import structlog
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.trace import INVALID_SPAN, SpanKind, Status, StatusCode, get_current_span
from opentelemetry.trace import Span as SdkSpan
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from core.program import this_program
from core.tracing import database
from core.tracing.spans import Attributes, Kind, Span

log = structlog.get_logger(__name__)

# How long a process that ends waits for its last spans to be sent.
LAST_SPANS_S = 3
KINDS = {
    Kind.INTERNAL: SpanKind.INTERNAL,
    Kind.SERVER: SpanKind.SERVER,
    Kind.CLIENT: SpanKind.CLIENT,
    Kind.CONSUMER: SpanKind.CONSUMER,
}
# W3C's trace context alone. Its baggage is never read: it is whatever a caller likes.
CONTEXT = TraceContextTextMapPropagator()


def start() -> OpenTelemetry:
    """Return tracing that sends, and watch the database's statements."""
    provider = TracerProvider(resource=_resource(), shutdown_on_exit=False)
    session = WatchedSession()
    exporter = WatchedExporter(OTLPSpanExporter(session=session), session)
    provider.add_span_processor(BatchSpanProcessor(exporter))
    # Not atexit: a process that granian forked ends without it.
    Finalize(None, _send_the_last, args=(provider,), exitpriority=0)
    database.watch_connections()
    return OpenTelemetry(provider)


class OpenTelemetry:
    """`core.tracing.spans.Tracing` with the SDK."""

    def __init__(self, provider: TracerProvider) -> None:
        self._tracer = provider.get_tracer("prepaid-credits")

    @contextmanager
    def span(
        self, name: str, kind: Kind, attributes: Attributes, caller: Mapping[str, str]
    ) -> Iterator[Span]:
        context = CONTEXT.extract(caller) if caller else None
        with self._tracer.start_as_current_span(
            name,
            context,
            KINDS[kind],
            attributes,
            # An exception's message may have personal data: "Key (email)=(…) already exists".
            record_exception=False,
            set_status_on_exception=False,
        ) as kept:
            step = _Step(kept)
            try:
                yield step
            except BaseException as error:
                step.fail(type(error).__name__)
                raise

    def trace(self) -> str:
        current = get_current_span()
        return "" if current is INVALID_SPAN else f"{current.get_span_context().trace_id:032x}"

    def traceparent(self) -> str:
        carrier: dict[str, str] = {}
        CONTEXT.inject(carrier)
        return carrier.get("traceparent", "")

    def is_recording(self) -> bool:
        return get_current_span().is_recording()


class _Step:
    def __init__(self, kept: SdkSpan) -> None:
        self._kept = kept

    def rename(self, name: str) -> None:
        self._kept.update_name(name)

    def note(self, **attributes: str | int) -> None:
        for name, value in attributes.items():
            self._kept.set_attribute(name.replace("__", "."), value)

    def fail(self, error_type: str) -> None:
        self._kept.set_attribute("error.type", error_type)
        self._kept.set_status(Status(StatusCode.ERROR))


class WatchedSession(requests.Session):
    """The exporter's HTTP session, which remembers how its last attempt ended: the exporter only says if it failed."""

    def __init__(self) -> None:
        super().__init__()
        self.outcome: dict[str, Any] = {}

    def request(self, *arguments: Any, **options: Any) -> requests.Response:
        """Make one attempt."""
        self.outcome = {}
        try:
            answer = super().request(*arguments, **options)
        except requests.RequestException as error:
            self.outcome = {"error": type(error).__name__}
            raise
        self.outcome = {"status": answer.status_code}
        return answer


class WatchedExporter(SpanExporter):
    """An exporter that says once that spans can't be sent, and why, and once that they can again. They are dropped
    meanwhile.
    """

    def __init__(self, exporter: SpanExporter, session: WatchedSession) -> None:
        self._exporter = exporter
        self._session = session
        self._is_away = False

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        result = self._exporter.export(spans)
        is_away = result is not SpanExportResult.SUCCESS
        if is_away and not self._is_away:
            log.warning("traces_not_sent", **self._session.outcome)
        elif self._is_away and not is_away:
            log.warning("traces_sent_again")
        self._is_away = is_away
        return result

    def shutdown(self) -> None:
        self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        return self._exporter.force_flush(timeout_millis)


def _resource() -> Resource:
    """Return what the spans say of this process: a name unless the environment gives one, and whether it serves."""
    given = OTELResourceDetector().detect().attributes
    named = {} if "service.name" in given else {"service.name": "prepaid-credits"}
    return Resource.create({**named, "process.role": this_program()})


def _send_the_last(provider: TracerProvider) -> None:
    """Send what is queued, without keeping the process from its end: the SDK would wait for half a minute."""
    last = Thread(target=provider.shutdown, daemon=True)
    last.start()
    last.join(LAST_SPANS_S)
