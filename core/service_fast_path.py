"""Route services' calls past the middleware for browsers (docs/decisions/hot-path-http.md)."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from django.http import HttpRequest, HttpResponse
from django.urls import Resolver404, resolve

from core.monitoring.requests import CountRequests

SERVICES = "/api/v1/credits/"


class ServiceFastPath:
    """Middleware that leads services' calls straight to their view, past the middleware for pages.

    They have no session, cookie, language, message, form or frame, so what is skipped would only cost time. Middleware
    before this one still applies: HTTPS, security headers, the log. Metrics, which come last, are called here. Only
    views marked with ``past_the_pages`` are called like this.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.pages = get_response
        self.metrics = CountRequests(_call_view)

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not request.path_info.startswith(SERVICES):
            return self.pages(request)
        try:
            match = resolve(request.path_info)
        except Resolver404:
            return self.pages(request)
        if not getattr(match.func, "past_the_pages", False):
            return self.pages(request)
        request.resolver_match = match
        self.metrics.process_view(request, match.func)
        return cast(HttpResponse, self.metrics(request))


def _call_view(request: HttpRequest) -> HttpResponse:
    match = request.resolver_match
    assert match is not None  # noqa: S101  # ServiceFastPath has just set it
    response: HttpResponse = match.func(request, *match.args, **match.kwargs)
    response.headers["Content-Length"] = str(len(response.content))
    return response
