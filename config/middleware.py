"""Request middleware that belongs to the whole site."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast
from uuid import uuid4

from csp.constants import SELF, UNSAFE_EVAL, UNSAFE_INLINE
from django.http import HttpRequest, HttpResponse
from django_structlog.middlewares import RequestMiddleware
from pghistory.middleware import HistoryMiddleware
from structlog.contextvars import bind_contextvars

from accounts.audit.context import whence
from config.service_calls import SERVICES

# unfold draws its pages with Alpine.js, which evaluates expressions in attributes and writes inline styles.
ADMIN_POLICY = {
    "script-src": [SELF, UNSAFE_INLINE, UNSAFE_EVAL],
    "style-src": [SELF, UNSAFE_INLINE],
}


class AdminContentSecurityPolicy:
    """Loosens the strict policy under ``/admin/`` and nowhere else."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if request.path.startswith("/admin/"):
            response._csp_replace = ADMIN_POLICY  # type: ignore[attr-defined]  # django-csp's own hook
        return response


class RequestLog(RequestMiddleware):
    """Logs each request without its query: the callback has a code there, staff's searches names.

    A call of a service is logged once, when it has ended, and its addresses as they came. A second line, and working
    out whom a chain of proxies speaks for, took a fifth of a spend (docs/decisions/hot-path-http.md).
    """

    def prepare(self, request: HttpRequest) -> None:
        if not request.path.startswith(SERVICES):
            super().prepare(request)
            return
        bind_contextvars(request_id=str(uuid4()), ip=request.META.get("REMOTE_ADDR"))
        if forwarded_for := request.META.get("HTTP_X_FORWARDED_FOR"):
            bind_contextvars(forwarded_for=forwarded_for)

    @staticmethod
    def format_request(request: HttpRequest) -> str:
        return f"{request.method} {request.path}"


class StaffHistory(HistoryMiddleware):
    """Tells the database who changes something in the back office, and whence; other requests pay nothing for it."""

    def get_context(self, request: HttpRequest) -> dict[str, Any]:
        return {**super().get_context(request), **whence()}

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.path.startswith("/admin/"):
            return cast(HttpResponse, super().__call__(request))  # type: ignore[no-untyped-call]  # pghistory is untyped
        return cast(HttpResponse, self.get_response(request))
