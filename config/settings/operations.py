"""Configure who may read metrics, and where the worker serves its own."""

from __future__ import annotations

from django.core.exceptions import ImproperlyConfigured

from config.environment import Environment
from core.program import WEB, this_program

env = Environment()

# The bearer token that Prometheus sends to /metrics. Empty: no such page.
METRICS_TOKEN = env("METRICS_TOKEN", default="")
# The folder in which the web processes of one server add up their counts: prometheus_client's own variable. Without it
# each would count for itself, and each scrape would read another one's.
if (
    METRICS_TOKEN
    and this_program() == WEB
    and env.int("GRANIAN_WORKERS", default=1) > 1
    and not env("PROMETHEUS_MULTIPROC_DIR", default="")
):
    raise ImproperlyConfigured(
        "METRICS_TOKEN with several GRANIAN_WORKERS needs PROMETHEUS_MULTIPROC_DIR, an empty folder for their counts: "
        "PROMETHEUS_MULTIPROC_DIR=$(mktemp -d) granian config.wsgi:application. See docs/go-live.md."
    )
# The port on which the worker serves /metrics for the same token. 0: none.
WORKER_METRICS_PORT = env.port("WORKER_METRICS_PORT")
if WORKER_METRICS_PORT and not METRICS_TOKEN:
    raise ImproperlyConfigured(
        "WORKER_METRICS_PORT needs METRICS_TOKEN, or nobody could read what it serves."
    )
