"""What operators and their machines ask: is it alive, is it ready, how is it doing."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.urls import path
from django_prometheus.exports import ExportToDjangoView
from health_check.views import HealthCheckView


def alive(request: HttpRequest) -> HttpResponse:
    """The process answers. Asks nobody else, so a database that is away restarts no healthy process."""
    return HttpResponse("ok\n", content_type="text/plain")


urlpatterns = [
    path("health/live", alive),
    path("health/ready", HealthCheckView.as_view(checks=["health_check.checks.Database"])),
    path("metrics", ExportToDjangoView),
]
