"""Limit each user's requests per minute, on pages and over the API together (PERSON_RATE).

`PersonThrottle`, DRF's default here, counts API views; `LimitPeople` counts pages.
"""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.deprecation import MiddlewareMixin
from rest_framework.throttling import BaseThrottle

from accounts.limits.rates import RateLimited, check_rate
from accounts.models import User
from core.client_address import client_address

if TYPE_CHECKING:  # DRF imports the throttle from here while it is being imported itself
    from rest_framework.request import Request
    from rest_framework.views import APIView

# The API counts its own requests. Staff browse long lists quickly; probes have no user.
NOT_PAGES = ("/api/", "/admin/", "/health/", "/metrics")
# One subscriber's network has this prefix length.
IPV6_LINE = 64


def address_of(request: HttpRequest | Request) -> str:
    """Return the client's address, to count by; for IPv6 the network, as each subscriber has one."""
    address = client_address(request)
    if ":" not in address:
        return address
    return str(ipaddress.ip_network((address, IPV6_LINE), strict=False))


class PersonThrottle(BaseThrottle):
    """A throttle per user, or per address for anonymous requests. Raises RateLimited."""

    def allow_request(self, request: Request, view: APIView) -> bool:
        _check(request.user, request)
        return True


class LimitPeople(MiddlewareMixin):
    """Middleware that counts page requests of signed-in users. Others reach only the sign-in page and shared links."""

    def process_view(
        self, request: HttpRequest, view: Any, arguments: tuple[Any, ...], named: dict[str, Any]
    ) -> HttpResponse | None:
        if request.path.startswith(NOT_PAGES) or not request.user.is_authenticated:
            return None
        try:
            _check(request.user, request)
        except RateLimited as error:
            response = render(request, "429.html", status=error.status)
            for name, value in error.headers.items():
                response[name] = value
            return response
        return None


def _check(who: Any, request: HttpRequest | Request) -> None:
    name = str(who.pk) if isinstance(who, User) else address_of(request)
    check_rate(f"person:{name}", settings.PERSON_RATE)
