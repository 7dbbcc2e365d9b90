"""The other end of the webhooks: an HTTP server that keeps what it is sent and answers as it is told."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Received:
    """One webhook as it came in. `payload` is the raw body; what is no UTF-8 in it is escaped, as file names are."""

    path: str
    payload: str
    signature: str
    user_agent: str

    @property
    def event(self) -> dict[str, Any]:
        event: dict[str, Any] = json.loads(self.payload)
        return event

    @property
    def type(self) -> str:
        return str(self.event["type"])


@dataclass
class Receiver:
    """`answers` are the statuses of the next answers; 200 once they are used up. `pause_s` delays each.

    `together` holds each webhook until as many are here at once as it says; who waits for others in vain gets a 504.
    """

    url: str
    received: list[Received] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)
    pause_s: float = 0.0
    together: threading.Barrier | None = None
    location: str | None = None

    @property
    def types(self) -> list[str]:
        return [webhook.type for webhook in self.received]

    def forget(self) -> None:
        self.received.clear()
        self.answers.clear()
        self.pause_s, self.together, self.location = 0.0, None, None

    def next_status(self) -> int:
        try:
            if self.together:
                self.together.wait()
        except threading.BrokenBarrierError:
            return 504
        return self.answers.pop(0) if self.answers else 200


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    receiver: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode(errors="surrogateescape")
        time.sleep(self.receiver.pause_s)
        agent = self.headers["User-Agent"]
        webhook = Received(self.path, body, self.headers["Stripe-Signature"], agent)
        self.receiver.received.append(webhook)
        self.send_response(self.receiver.next_status())
        if self.receiver.location:
            self.send_header("Location", self.receiver.location)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet."""


@contextmanager
def running_receiver() -> Iterator[Receiver]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {}))
    receiver = Receiver(f"http://127.0.0.1:{server.server_port}/hook")
    server.RequestHandlerClass.receiver = receiver  # type: ignore[attr-defined]
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()
