"""The HTTP server: a thread per connection, HTTP/1.1 with keep-alive, gone within a second when told to stop."""

import errno
import logging
import signal
import sys
import threading
from types import FrameType
from typing import Any

from django.core.servers.basehttp import ThreadedWSGIServer, WSGIRequestHandler
from django.core.wsgi import get_wsgi_application

from sandbox.options import Options

_TICK_S = 1.0
_logger = logging.getLogger(__name__)


class PortInUseError(Exception):
    """Someone else listens there."""


class OnlyExceptions(logging.Filter):
    """Lets through what carries a traceback. A status that a test asked for is no news."""

    def filter(self, record: logging.LogRecord) -> bool:
        return record.exc_info is not None


class _Handler(WSGIRequestHandler):
    """Hands the bare connection to the views, so that one can break it, and sends without delay."""

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


def serve_until_told(server: ThreadedWSGIServer, host: str) -> None:
    """Answer until SIGTERM or SIGINT."""
    told = threading.Event()

    def stop(number: int, frame: FrameType | None) -> None:
        told.set()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    _say_ready(host, server.server_port)
    while not told.wait(_TICK_S):
        _tick()
    server.shutdown()
    server.server_close()


def _say_ready(host: str, port: int) -> None:
    shown = "localhost" if host == "127.0.0.1" else f"[{host}]" if ":" in host else host
    sys.stdout.write(f"Sandbox ready: http://{shown}:{port}\n")
    sys.stdout.flush()


def _tick() -> None:
    """What time does by itself, once a second."""
    from sandbox.payments.deadlines import meet_deadlines

    try:
        meet_deadlines()
    except Exception:
        _logger.exception("the tick failed")
