"""Count and time requests, with labels that callers can't invent."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django_prometheus.middleware import PrometheusAfterMiddleware, PrometheusBeforeMiddleware
from prometheus_client import Counter

from core.monitoring.routine_requests import is_routine

RESPONSES = Counter(
    "credits_http_responses_total",
    "Responses by class of status, 2xx to 5xx, without those to probes and scrapes, and static files.",
    ["status"],
)

# Shown at 0, so that a first one is a rise.
for _class in range(2, 6):
    RESPONSES.labels(f"{_class}xx")


class CountResponses(PrometheusBeforeMiddleware):  # type: ignore[misc]  # django-prometheus is untyped
    """The first middleware: it sees also the errors of those after it, such as of a session without a database.

    Upstream's counts by status have the probes and scrapes too, which succeed while all else fails, and none of these
    errors; its counts by view begin at a first error each, which is no rise yet.
    """

    def process_response(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        """Count a response, unless it is a routine one."""
        if not is_routine(request):
            RESPONSES.labels(f"{response.status_code // 100}xx").inc()
        counted: HttpResponse = super().process_response(request, response)
        return counted


class CountRequests(PrometheusAfterMiddleware):  # type: ignore[misc]  # django-prometheus is untyped
    """Django-prometheus's middleware, with one name for all methods that HTTP doesn't know.

    Upstream times requests by the method as it was sent, so that each invented one would add series for good.
    """

    def label_metric(
        self, metric: Any, request: HttpRequest, response: HttpResponse | None = None, **labels: str
    ) -> Any:
        """Return the metric with its labels."""
        if "method" in labels:
            labels["method"] = self._method(request)
        return super().label_metric(metric, request, response, **labels)
