"""Answer health checks and serve metrics."""

from __future__ import annotations

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.urls import path

from core.monitoring.exposition import CONTENT_TYPE, exposition, is_allowed
from core.monitoring.health import CheckResult, all_checks, fatal_checks, is_ready


def alive(request: HttpRequest) -> HttpResponse:
    """Answer that the process is alive. Checks nothing else: no process should restart because the database is away."""
    return HttpResponse("ok\n", content_type="text/plain")


def ready(request: HttpRequest) -> HttpResponse:
    """Answer whether this process may get requests: 200, or 503 if another one might do better.

    What is wrong, here and with what all processes share, is said only for METRICS_TOKEN.
    """
    if is_allowed(request.headers.get("Authorization", "")):
        answer: HttpResponse = _detailed(all_checks())
    else:
        is_fine = is_ready(fatal_checks())
        answer = HttpResponse(
            "ok\n" if is_fine else "not ready\n", content_type="text/plain", status=200 if is_fine else 503
        )
    answer.headers["Cache-Control"] = "no-store"
    return answer


def _detailed(results: list[CheckResult]) -> JsonResponse:
    is_fine = is_ready(results)
    status = "ready" if is_fine else "not_ready"
    if is_fine and any(result.problem for result in results):
        status = "degraded"
    checks = [
        {"name": result.name, "ok": not result.problem, "fatal": result.fatal, "problem": result.problem}
        for result in results
    ]
    return JsonResponse({"status": status, "checks": checks}, status=200 if is_fine else 503)


def metrics(request: HttpRequest) -> HttpResponse:
    """Return counts and times for Prometheus. They reveal sales figures, so METRICS_TOKEN is required."""
    if not settings.METRICS_TOKEN:
        raise Http404
    if not is_allowed(request.headers.get("Authorization", "")):
        return HttpResponse(status=401, headers={"WWW-Authenticate": "Bearer"})
    return HttpResponse(exposition(), content_type=CONTENT_TYPE)


urlpatterns = [
    path("health/live", alive),
    path("health/ready", ready),
    path("metrics", metrics),
]
