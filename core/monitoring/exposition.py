"""Show the counters of all of a server's processes, and the gauges, as Prometheus reads them."""

from __future__ import annotations

import os
from secrets import compare_digest

from django.conf import settings
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from core.monitoring.readings import ReadingsCollector

CONTENT_TYPE = CONTENT_TYPE_LATEST


def exposition() -> bytes:
    """Return all metrics. Counters are summed over the processes that share PROMETHEUS_MULTIPROC_DIR, if it is set."""
    counters = REGISTRY
    if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        counters = CollectorRegistry()
        MultiProcessCollector(counters)  # type: ignore[no-untyped-call]  # it registers itself
    gauges = CollectorRegistry(auto_describe=False)
    gauges.register(ReadingsCollector())
    return generate_latest(counters) + generate_latest(gauges)


def is_allowed(authorization: str) -> bool:
    """Return whether this ``Authorization`` header carries METRICS_TOKEN. Without a token nobody is allowed."""
    token = settings.METRICS_TOKEN
    return bool(token) and compare_digest(authorization.encode(), f"Bearer {token}".encode())
