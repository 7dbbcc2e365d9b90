"""Receive OpenTelemetry's spans as a collector does: OTLP over HTTP, decoded by the protocol's own definition."""

from __future__ import annotations

import gzip
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span as ProtoSpan


@dataclass(frozen=True)
class Received:
    """One span, with what is asked of it in tests."""

    trace: str
    id: str
    parent: str
    name: str
    kind: int
    has_failed: bool
    attributes: dict[str, str]


@dataclass
class Collector:
    """A running receiver. While it ``hangs``, it takes requests and answers none."""

    url: str
    spans: list[Received] = field(default_factory=list)
    everything: bytearray = field(default_factory=bytearray)
    headers: list[dict[str, str]] = field(default_factory=list)
    hangs: bool = False
    ends: Event = field(default_factory=Event)

    def take(self, body: bytes, headers: dict[str, str]) -> None:
        self.headers.append(headers)
        self.everything += body
        sent = ExportTraceServiceRequest.FromString(body)
        for resource in sent.resource_spans:
            for scope in resource.scope_spans:
                self.spans.extend(map(_read, scope.spans))

    def of(self, trace: str) -> list[Received]:
        return [span for span in self.spans if span.trace == trace]

    def wait_for(self, found: Callable[[], bool], patience_s: float = 20) -> None:
        deadline = time.monotonic() + patience_s
        while not found():
            assert time.monotonic() < deadline, sorted(span.name for span in self.spans)
            time.sleep(0.05)


def _read(span: ProtoSpan) -> Received:
    said = {
        one.key: str(getattr(one.value, one.value.WhichOneof("value") or "string_value"))
        for one in span.attributes
    }
    has_failed = span.status.code == span.status.STATUS_CODE_ERROR
    ids = (span.trace_id.hex(), span.span_id.hex(), span.parent_span_id.hex())
    return Received(*ids, span.name, span.kind, has_failed, said)


@contextmanager
def running_collector() -> Iterator[Collector]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if collector.hangs:
                collector.ends.wait(60)
                return
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            collector.take(body, dict(self.headers))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        collector = Collector(f"http://127.0.0.1:{server.server_address[1]}")
        Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield collector
        finally:
            collector.ends.set()
            server.shutdown()
