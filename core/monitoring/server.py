"""Serve the worker's metrics: the worker has no web server of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from threading import Thread
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from django.conf import settings
from django.db import connections

from core.monitoring.exposition import CONTENT_TYPE, exposition, is_allowed

PATH = "/metrics"


def serve_metrics() -> None:
    """Serve ``/metrics`` on WORKER_METRICS_PORT from a thread, if it is set, until the process ends.

    Raises:
        OSError: the port is taken.
    """
    if settings.WORKER_METRICS_PORT:
        server = make_server(
            "", settings.WORKER_METRICS_PORT, answer, server_class=WSGIServer, handler_class=Quiet
        )
        Thread(target=server.serve_forever, name="metrics", daemon=True).start()


def answer(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Answer one request, as a WSGI application."""
    if environ.get("PATH_INFO") != PATH:
        start_response("404 Not Found", [])
        return [b""]
    if not is_allowed(environ.get("HTTP_AUTHORIZATION", "")):
        start_response("401 Unauthorized", [("WWW-Authenticate", "Bearer")])
        return [b""]
    try:
        body = exposition()
    finally:
        connections.close_all()  # no request ends here for Django to return them to the pool
    start_response("200 OK", [("Content-Type", CONTENT_TYPE), ("Content-Length", str(len(body)))])
    return [body]


class Quiet(WSGIRequestHandler):
    """Logs no requests, and gives up a caller who sends none: one thread serves all."""

    timeout = 5

    def log_message(self, format: str, *args: Any) -> None:
        """Log nothing."""
