"""Configure who may read metrics, and where the worker serves its own."""

from __future__ import annotations

from django.core.exceptions import ImproperlyConfigured

from config.environment import Environment

env = Environment()

# The bearer token that Prometheus sends to /metrics. Empty: no such page.
METRICS_TOKEN = env("METRICS_TOKEN", default="")
# The port on which the worker serves /metrics for the same token. 0: none.
WORKER_METRICS_PORT = env.port("WORKER_METRICS_PORT")
if WORKER_METRICS_PORT and not METRICS_TOKEN:
    raise ImproperlyConfigured(
        "WORKER_METRICS_PORT needs METRICS_TOKEN, or nobody could read what it serves."
    )
