"""Trace each request, as part of its caller's trace if it names one."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from core.monitoring.routine_requests import is_routine
from core.tracing.spans import Kind, Span, span
from core.tracing.starting import start_tracing

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class TraceRequests:
    """Middleware that traces requests; installed only where tracing is on.

    The route is kept and never the address: that has invitations, codes, ids, and in its query names.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response
        start_tracing()

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if is_routine(request):  # nothing that anybody would look up
            return self.get_response(request)
        method = request.method if request.method in METHODS else "_OTHER"
        attributes = {"http.request.method": method, "url.scheme": request.scheme or ""}
        with span(method, Kind.SERVER, attributes, _caller(request)) as step:
            response = self.get_response(request)
            _note_answer(step, method, request, response)
        return response


def _caller(request: HttpRequest) -> dict[str, str]:
    names = {"traceparent": "HTTP_TRACEPARENT", "tracestate": "HTTP_TRACESTATE"}
    return {name: request.META[key] for name, key in names.items() if key in request.META}


def _note_answer(step: Span, method: str, request: HttpRequest, response: HttpResponse) -> None:
    step.note(http__response__status_code=response.status_code)
    if request.resolver_match is not None:
        route = f"/{request.resolver_match.route}"
        step.note(http__route=route)
        step.rename(f"{method} {route}")
    if response.status_code >= 500:
        step.fail(str(response.status_code))
