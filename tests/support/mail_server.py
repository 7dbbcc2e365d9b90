"""A real SMTP server on localhost that refuses addresses, or hangs up on them, as it is told."""

from __future__ import annotations

from collections.abc import Iterator
from socketserver import StreamRequestHandler, ThreadingTCPServer
from threading import Thread
from typing import Any

import pytest


class MailServer(ThreadingTCPServer):
    """Keeps who was sent what. ``replies`` are those to an address, such as ``450``; ``hangs_up_on`` breaks the
    connection once the whole email for it has arrived, before the reply that it was taken.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Conversation)
        self.taken: list[str] = []
        self.replies: dict[str, int] = {}
        self.hangs_up_on: set[str] = set()

    def count(self, address: str) -> int:
        return self.taken.count(address)


class _Conversation(StreamRequestHandler):
    server: MailServer

    def handle(self) -> None:
        self._say(220)
        address = ""
        while line := self.rfile.readline().decode().strip():
            verb = line[:4].upper()
            if verb == "RCPT":
                address = line.partition("<")[2].partition(">")[0]
                self._say(self.server.replies.get(address, 250))
            elif verb == "DATA":
                self._say(354)
                while self.rfile.readline() != b".\r\n":
                    pass
                if address in self.server.hangs_up_on:
                    return
                self.server.taken.append(address)
                self._say(250)
            elif verb == "QUIT":
                self._say(221)
                return
            else:
                self._say(250)

    def _say(self, code: int) -> None:
        self.wfile.write(f"{code} .\r\n".encode())


@pytest.fixture
def mail_server(settings: Any) -> Iterator[MailServer]:
    """The server that the site's emails go to."""
    with MailServer() as server:
        Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = server.server_address[:2]
        yield server
        server.shutdown()
