"""A network that fails on order: a TCP relay before the site, which may carry a request out and lose the answer."""

from __future__ import annotations

import socket
import socketserver
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import urlsplit

from prepaid_credits import Retrying

Fault = Literal["pass", "lose the answer", "cut the answer", "refuse"]


@dataclass
class Relay:
    """``faults`` befall the next requests in their order; afterwards all pass. A fault that is bytes is an answer,
    given in the site's place. ``keys``: the idempotency key of each request that came.
    """

    url: str
    faults: deque[Fault | bytes] = field(default_factory=deque)
    keys: list[str] = field(default_factory=list)

    def order(self, *faults: Fault, times: int = 1) -> None:
        self.faults.extend(faults * times)

    def answer(self, status: int, *headers: str, body: str = "") -> None:
        """The next request gets this answer, from somebody in between."""
        head = [f"HTTP/1.1 {status} Said", f"Content-Length: {len(body)}", "Connection: close", *headers]
        self.faults.append(("\r\n".join(head) + "\r\n\r\n" + body).encode())


@contextmanager
def relay_to(site: str) -> Iterator[Relay]:
    address = urlsplit(site)
    target = (address.hostname or "", address.port or 0)

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            request = read_request(self.request)
            if not request:
                return
            relay.keys.append(read_key(request))
            fault = relay.faults.popleft() if relay.faults else "pass"
            if fault == "refuse":
                return
            answer = fault if isinstance(fault, bytes) else carry_out(request, target)
            if fault == "cut the answer":
                answer = answer[: len(answer) - 5]
            if fault != "lose the answer":
                self.request.sendall(answer)

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True
        allow_reuse_address = True

    with Server(("127.0.0.1", 0), Handler) as server:
        relay = Relay(f"http://127.0.0.1:{server.server_address[1]}")
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield relay
        server.shutdown()


def carry_out(request: bytes, target: tuple[str, int]) -> bytes:
    """The site's whole answer. Each connection has one request, so that its end is the answer's."""
    head, _, body = request.partition(b"\r\n\r\n")
    own = (b"connection:", b"host:")
    lines = [line for line in head.split(b"\r\n") if not line.lower().startswith(own)]
    host = f"Host: {target[0]}:{target[1]}".encode()
    with socket.create_connection(target, timeout=20) as site:
        site.sendall(b"\r\n".join([*lines, host, b"Connection: close", b"", body]))
        return b"".join(iter(lambda: site.recv(65536), b""))


def read_request(connection: socket.socket) -> bytes:
    received = b""
    while b"\r\n\r\n" not in received:
        part = connection.recv(65536)
        if not part:
            return b""
        received += part
    head, _, body = received.partition(b"\r\n\r\n")
    length = int(header_of(head, "content-length") or 0)
    while len(body) < length:
        body += connection.recv(65536)
    return head + b"\r\n\r\n" + body


def read_key(request: bytes) -> str:
    return header_of(request.partition(b"\r\n\r\n")[0], "idempotency-key")


def header_of(head: bytes, name: str) -> str:
    for line in head.decode("latin-1").split("\r\n")[1:]:
        found, _, value = line.partition(":")
        if found.lower() == name:
            return value.strip()
    return ""


IMPATIENT = Retrying(first_delay_s=0.01, longest_delay_s=0.05)
