"""Answer health checks and serve metrics."""

from __future__ import annotations

from secrets import compare_digest

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import path
from django_prometheus.exports import ExportToDjangoView
from health_check.views import HealthCheckView


def alive(request: HttpRequest) -> HttpResponse:
    """Answer that the process is alive. Checks nothing else: no process should restart because the database is away."""
    return HttpResponse("ok\n", content_type="text/plain")


def metrics(request: HttpRequest) -> HttpResponse:
    """Return counts and times for Prometheus. They reveal sales figures, so METRICS_TOKEN is required."""
    if not settings.METRICS_TOKEN:
        raise Http404
    given = request.headers.get("Authorization", "")
    if not compare_digest(given.encode(), f"Bearer {settings.METRICS_TOKEN}".encode()):
        return HttpResponse(status=401, headers={"WWW-Authenticate": "Bearer"})
    answer: HttpResponse = ExportToDjangoView(request)
    return answer


urlpatterns = [
    path("health/live", alive),
    path("health/ready", HealthCheckView.as_view(checks=["health_check.checks.Database"])),
    path("metrics", metrics),
]
