"""Serve HTTP/1.1: a thread per connection, keep-alive, stopped within a second."""

import errno
import logging
import signal
import sys
import threading
from types import FrameType
from typing import Any

from django.core.servers.basehttp import ThreadedWSGIServer, WSGIRequestHandler
from django.core.wsgi import get_wsgi_application

from sandbox.base_url import set_own_url
from sandbox.options import Options

_TICK_S = 1.0
_logger = logging.getLogger(__name__)


class PortInUseError(Exception):
    """Report that another process listens there."""


class OnlyExceptions(logging.Filter):
    """Pass only records with a traceback. A status that a test asked for isn't worth logging."""

    def filter(self, record: logging.LogRecord) -> bool:
        return record.exc_info is not None


class _Handler(WSGIRequestHandler):
    """Give the views the connection, so that one can break it, and send without delay."""

    disable_nagle_algorithm = True

    def get_environ(self) -> dict[str, Any]:
        environ: dict[str, Any] = super().get_environ()
        environ["sandbox.connection"] = self.connection
        return environ


class _Server(ThreadedWSGIServer):
    request_queue_size = 128


def open_server(options: Options) -> ThreadedWSGIServer:
    """Listen, but don't answer yet. Raises PortInUseError."""
    try:
        server = _Server((options.host, options.port), _Handler, ipv6=":" in options.host)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise PortInUseError(f"Port {options.port} on {options.host} is already in use.") from None
        raise
    server.set_app(get_wsgi_application())
    return server


def serve_until_stopped(server: ThreadedWSGIServer, host: str) -> None:
    """Serve until SIGTERM or SIGINT."""
    stopped = threading.Event()

    def stop(number: int, frame: FrameType | None) -> None:
        stopped.set()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    _announce(host, server.server_port)
    while not stopped.wait(_TICK_S):
        _tick()
    server.shutdown()
    server.server_close()


def _announce(host: str, port: int) -> None:
    shown = "localhost" if host == "127.0.0.1" else f"[{host}]" if ":" in host else host
    set_own_url(f"http://{shown}:{port}")
    sys.stdout.write(f"Sandbox ready: http://{shown}:{port}\n")
    sys.stdout.flush()


def _tick() -> None:
    from sandbox.payments.deadlines import meet_deadlines  # needs the app registry

    try:
        meet_deadlines()
    except Exception:
        _logger.exception("the tick failed")
