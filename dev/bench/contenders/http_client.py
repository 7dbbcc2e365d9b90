"""The load over HTTP: one kept connection per client, bytes made beforehand, an answer read no further than needed.

A raw socket in a process of its own per client, so that what is measured is the server. The output says how much
of the processors the clients themselves took. ``url`` is here a file that says where the server is and who may ask.
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
    """The server answered with something else than success."""


def load(url: str) -> None:
    """Nothing to import besides the standard library."""


def start(url: str, accounts: int, option: str) -> Callable[[], int]:
    """``option``: "key" and "token" spend, authenticated in that way; "empty" asks DRF's empty view."""
    told = json.loads(Path(url).read_text())
    connection = socket.create_connection(("127.0.0.1", told["port"]))
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    # As a proxy in front of production's server would say it.
    head = "Host: localhost\r\nX-Forwarded-Proto: https\r\nAccept: application/json\r\n"
    head += f"Authorization: {told[option]}\r\n"
    if option == "empty":
        request = f"GET /bench/empty HTTP/1.1\r\n{head}\r\n".encode()
        return lambda: _ask(connection, request, b"200")
    next_spend = spends(head, told["accounts"][:accounts])
    return lambda: _ask(connection, next_spend(), b"201")


def spends(head: str, accounts: list[str]) -> Callable[[], bytes]:
    """Gives the bytes of one spend after the other. Only key and account differ, so that making them costs nothing."""
    body = '{"account": "%s", "amount": "0.25", "reference": "job"}'
    length = len(body % accounts[0])
    start = f"POST /api/v1/credits/spends HTTP/1.1\r\n{head}Content-Type: application/json\r\n"
    start += f"Content-Length: {length}\r\nIdempotency-Key: bench-{os.getpid()}-{random.randrange(10**9)}-"
    prefix = start.encode()
    bodies = [b"\r\n\r\n" + (body % account).encode() for account in accounts]
    numbers = itertools.count()
    return lambda: prefix + b"%d" % next(numbers) + random.choice(bodies)


def _ask(connection: socket.socket, request: bytes, wanted: bytes) -> int:
    connection.sendall(request)
    answer = _read_answer(connection)
    if answer[9:12] != wanted:
        raise BadAnswer(answer.decode(errors="replace"))
    return 1


def _read_answer(connection: socket.socket) -> bytes:
    answer = connection.recv(BUFFER)
    while (end := answer.find(b"\r\n\r\n")) < 0:
        answer += _more(connection, answer)
    head = answer[:end].lower()
    at = head.find(CONTENT_LENGTH)
    length = int(head[at + len(CONTENT_LENGTH) :].split(b"\r\n", 1)[0]) if at >= 0 else 0
    while len(answer) < end + 4 + length:
        answer += _more(connection, answer)
    return answer


def _more(connection: socket.socket, so_far: bytes) -> bytes:
    more = connection.recv(BUFFER)
    if not more:
        raise BadAnswer(f"The server closed the connection after {so_far!r}.")
    return more
