"""Remember in two cookies who sent a visitor, and which browser it is.

A code says nothing about the visitor. The device's cookie is random; only its hash is stored, with the users who signed
in with it or looked at their own link.
"""

from __future__ import annotations

import datetime
import hashlib
import secrets
from dataclasses import dataclass

from django.conf import settings
from django.core import signing
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from accounts.models import User
from billing.referrals.models import Device, Referrer

VISIT_COOKIE, DEVICE_COOKIE = "credits_referral", "credits_device"
REMEMBERED = datetime.timedelta(days=30)
DEVICE_LIFETIME = datetime.timedelta(days=400)  # browsers keep none for longer
SALT = "billing.referrals"
TOKEN_LENGTH = 43


@dataclass(frozen=True)
class Visit:
    """A visit to a referrer's link."""

    code: str
    at: datetime.datetime


def remember_visit(request: HttpRequest, response: HttpResponse, code: str) -> None:
    """Remember in the browser whose link was followed, and when. The latest link counts."""
    if not Referrer.objects.filter(code=code, stopped_at=None).exists():
        return
    value = signing.dumps([code, timezone.now().timestamp()], salt=SALT)
    _set_cookie(response, VISIT_COOKIE, value, REMEMBERED)
    _device_cookie(request, response)


def visit_of(request: HttpRequest) -> Visit | None:
    """Return the visit that the browser remembers; None if there was none, or not lately."""
    try:
        code, at = signing.loads(request.COOKIES.get(VISIT_COOKIE, ""), salt=SALT, max_age=REMEMBERED)
    except signing.BadSignature:
        return None
    return Visit(code, datetime.datetime.fromtimestamp(at, tz=datetime.UTC))


def remember_device(request: HttpRequest, response: HttpResponse, user: User) -> None:
    """Note the browser of a user who looks at their own link."""
    note_device(user, _device_cookie(request, response))


def note_device(user: User, token: str | None) -> None:
    """Note that a user was seen with a browser, if it has the cookie."""
    if token:
        Device.objects.get_or_create(user=user, cookie_hash=hashlib.sha256(token.encode()).hexdigest())


def device_of(request: HttpRequest) -> str | None:
    """Return the token in the browser's cookie, if it has one of ours."""
    token = request.COOKIES.get(DEVICE_COOKIE, "")
    return token if len(token) == TOKEN_LENGTH else None


def _device_cookie(request: HttpRequest, response: HttpResponse) -> str:
    token = device_of(request) or secrets.token_urlsafe(32)
    _set_cookie(response, DEVICE_COOKIE, token, DEVICE_LIFETIME)
    return token


def _set_cookie(response: HttpResponse, name: str, value: str, lifetime: datetime.timedelta) -> None:
    response.set_cookie(
        name, value, max_age=lifetime, httponly=True, samesite="Lax", secure=settings.SESSION_COOKIE_SECURE
    )
