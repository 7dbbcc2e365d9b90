"""Define request middleware for the whole site."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from http import HTTPStatus
from uuid import uuid4

import structlog
from csp.constants import SELF, UNSAFE_EVAL, UNSAFE_INLINE
from django.conf import settings
from django.core.exceptions import DisallowedHost, MiddlewareNotUsed
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.deprecation import MiddlewareMixin
from django_structlog.middlewares import RequestMiddleware
from structlog.contextvars import bind_contextvars

from accounts.audit.context import acting
from accounts.models import User
from core.client_address import client_address, is_from_proxy
from core.errors import UnknownHost
from core.failures import PROGRAMS
from core.outages import DATABASE_AWAY
from core.problems import problem_response
from core.service_fast_path import SERVICES

logger = structlog.get_logger(__name__)

LONGEST_HOST = 100

# unfold uses Alpine.js, which evaluates expressions in attributes and writes inline styles.
ADMIN_POLICY = {
    "script-src": [SELF, UNSAFE_INLINE, UNSAFE_EVAL],
    "style-src": [SELF, UNSAFE_INLINE],
}


class AdminContentSecurityPolicy(MiddlewareMixin):
    """Middleware that loosens the strict policy under ``/admin/`` and nowhere else."""

    def process_response(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        if request.path.startswith("/admin/"):
            response._csp_replace = ADMIN_POLICY  # type: ignore[attr-defined]  # django-csp's own hook
        return response


class ForwardedHeaders:
    """Middleware that takes a proxy's word only from a trusted proxy (TRUSTED_PROXIES).

    Anyone else who says that the browser used HTTPS isn't believed; `core.client_address` does the same for addresses.
    The first such request of a process is logged: mostly a proxy is missing in the list.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        if not settings.TRUSTED_PROXIES:
            raise MiddlewareNotUsed
        self.get_response = get_response
        self._was_logged = False

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not is_from_proxy(request):
            proto = request.META.pop("HTTP_X_FORWARDED_PROTO", None)
            if not self._was_logged and (proto or "HTTP_X_FORWARDED_FOR" in request.META):
                self._was_logged = True
                logger.warning("forwarded_headers_ignored", caller=client_address(request))
        return self.get_response(request)


class KnownHosts(MiddlewareMixin):
    """Middleware that refuses requests for unknown hosts before any other work.

    Scanners send thousands. Django would notice only after services have been answered, and with a stack trace each.
    """

    def process_request(self, request: HttpRequest) -> HttpResponse | None:
        try:
            request.get_host()
        except DisallowedHost:
            logger.warning("unknown_host", host=request.META.get("HTTP_HOST", "")[:LONGEST_HOST])
            return _refuse_host(request)
        return None


def _refuse_host(request: HttpRequest) -> HttpResponse:
    error = UnknownHost("Unknown host.")
    if request.path.startswith(PROGRAMS):
        return problem_response(error)
    return HttpResponse(f"{error.message}\n", "text/plain", status=error.status)


class MethodPage(MiddlewareMixin):
    """Middleware that shows a page for a 405, where Django sends an empty response."""

    def process_response(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        if response.status_code != HTTPStatus.METHOD_NOT_ALLOWED or request.path.startswith(PROGRAMS):
            return response
        page = render(request, "405.html", status=response.status_code)
        page.headers["Allow"] = response.headers["Allow"]
        return page


class RequestLog(RequestMiddleware):
    """A log of each request without its query: the callback's has a code, staff searches have names.

    A service's call is logged once, at its end: a second line took a tenth of a spend
    (docs/decisions/hot-path-http.md).
    """

    def prepare(self, request: HttpRequest) -> None:
        if not request.path.startswith(SERVICES):
            super().prepare(request)
            return
        bind_contextvars(request_id=str(uuid4()), ip=client_address(request))

    @classmethod
    def bind_ip(cls, request: HttpRequest) -> None:
        """Log the address that limits count; the audit takes it from here."""
        bind_contextvars(ip=client_address(request))

    @staticmethod
    def bind_user_id(request: HttpRequest) -> None:
        """Add the user to the log if the database can be reached. If not, the request fails on its own anyway."""
        with suppress(*DATABASE_AWAY):
            RequestMiddleware.bind_user_id(request)

    @staticmethod
    def format_request(request: HttpRequest) -> str:
        return f"{request.method} {request.path}"


class StaffHistory:
    """Middleware that records what is changed in the admin as the user's; other requests skip it."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not request.path.startswith("/admin/"):
            return self.get_response(request)
        with acting(request.user if isinstance(request.user, User) else None, page=request.path):
            return self.get_response(request)
