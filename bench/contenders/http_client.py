"""Send spends over HTTP: one kept connection per client, bytes made beforehand, answers read no further than needed.

Each client has a process and a raw socket, so that the server is what is measured. ``url`` is the path of a file with
each caller's ``Authorization`` header and the accounts to spend from.
"""

from __future__ import annotations

import itertools
import json
import os
import random
import socket
from collections.abc import Callable
from pathlib import Path

BUFFER = 65536
CONTENT_LENGTH = b"content-length:"


class BadAnswer(RuntimeError):
    """The server did not answer with success."""


def load(url: str) -> None:
    """Load nothing: the standard library is all it needs."""


def start(url: str, accounts: int, option: str) -> Callable[[], object]:
    """``option``: the server's port and the caller. "key" and "token" spend; "empty" asks DRF's empty view."""
    port, caller = option.split()
    config = json.loads(Path(url).read_text())
    connection = socket.create_connection(("127.0.0.1", int(port)))
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    # As the proxy in front of production's server sends it.
    head = "Host: localhost\r\nX-Forwarded-Proto: https\r\nAccept: application/json\r\n"
    head += f"Authorization: {config[caller]}\r\n"
    if caller == "empty":
        request = f"GET /bench/empty HTTP/1.1\r\n{head}\r\n".encode()
        return lambda: _ask(connection, request, b"200")
    next_spend = _spends(head, config["accounts"][:accounts])
    return lambda: _ask(connection, next_spend(), b"201")


def _spends(head: str, accounts: list[str]) -> Callable[[], bytes]:
    """Return a function that returns the bytes of another spend. Only key and account differ: they cost nothing."""
    body = '{"account": "%s", "amount": "0.25", "reference": "job"}'
    start = f"POST /api/v1/credits/spends HTTP/1.1\r\n{head}Content-Type: application/json\r\n"
    start += f"Content-Length: {len(body % accounts[0])}\r\n"
    start += f"Idempotency-Key: bench-{os.getpid()}-{random.randrange(10**9)}-"
    prefix, numbers = start.encode(), itertools.count()
    bodies = [b"\r\n\r\n" + (body % account).encode() for account in accounts]
    return lambda: prefix + b"%d" % next(numbers) + random.choice(bodies)


def _ask(connection: socket.socket, request: bytes, wanted: bytes) -> None:
    connection.sendall(request)
    answer = b""
    while (end := answer.find(b"\r\n\r\n")) < 0:
        answer += _more(connection, answer)
    head = answer[:end].lower()
    at = head.find(CONTENT_LENGTH)
    length = int(head[at + len(CONTENT_LENGTH) :].split(b"\r\n", 1)[0]) if at >= 0 else 0
    while len(answer) < end + 4 + length:
        answer += _more(connection, answer)
    if answer[9:12] != wanted:
        raise BadAnswer(answer.decode(errors="replace"))


def _more(connection: socket.socket, so_far: bytes) -> bytes:
    more = connection.recv(BUFFER)
    if not more:
        raise BadAnswer(f"The server closed the connection after {so_far!r}.")
    return more
