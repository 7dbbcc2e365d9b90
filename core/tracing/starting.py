"""Start tracing, once per process: after a server's fork, so that the thread that sends is the process's own."""

from __future__ import annotations

from threading import Lock

from django.conf import settings
from django.utils.module_loading import import_string

from core.tracing import spans

_lock = Lock()
_started: list[bool] = []


def start_tracing() -> None:
    """Trace from here on if the environment asks for it; the first call counts."""
    if not settings.TRACING:
        return
    with _lock:
        if not _started:
            _started.append(True)
            # By name: without tracing, nothing of OpenTelemetry is imported.
            spans.install(import_string("core.tracing.otlp.start")())
