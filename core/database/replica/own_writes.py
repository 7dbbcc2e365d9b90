"""Let users see what they did: their browser keeps the position of the log after their last write.

It is kept in a signed cookie of its own, not in the session: a session is a row, so that each write would cost another
one, and requests that cross overwrite each other's session (docs/decisions/replica.md). The cookie lasts longer than a
replica may be behind; after that there is nothing to compare.

A request without a session, such as a program's with its token, keeps nothing: it needs everything that is committed
when it arrives, so its own writes too. To know that position, the primary is asked for a number and reads no table.
"""

from __future__ import annotations

from collections.abc import Callable

import structlog
from django.conf import settings
from django.core.signing import BadSignature, Signer
from django.http import HttpRequest, HttpResponse
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request

from core.database.replica.positions import written_position
from core.database.replica.routing import has_replica, watching
from core.outages import DATABASE_AWAY

logger = structlog.get_logger(__name__)

COOKIE = "credits_position"
# Stands for a write whose position could not be read.
UNKNOWN = "unknown"
SIGNER_SALT = "core.database.replica.own_writes"


class KeepOwnWrites:
    """Middleware that sends the position along after a request that wrote something."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not has_replica():
            return self.get_response(request)
        with watching() as seen:
            response = self.get_response(request)
        if (seen.noted or request.method not in SAFE_METHODS) and _has_session(request, response):
            _send_position(response)
        return response


def needed_by(request: HttpRequest | Request | None) -> int:
    """Return the position that a replica must have reached to answer the request; 0 if any will do.

    Raises:
        OperationalError: the primary had to be asked, and is away.
    """
    if request is None or not _is_from_session(request):
        return written_position()
    kept = request.COOKIES.get(COOKIE)
    if kept is None:
        return 0
    try:
        position = _signer().unsign(kept)
    except BadSignature:
        position = UNKNOWN
    return written_position() if position == UNKNOWN else int(position, 16)


def _is_from_session(request: HttpRequest | Request) -> bool:
    return "HTTP_AUTHORIZATION" not in request.META and settings.SESSION_COOKIE_NAME in request.COOKIES


def _has_session(request: HttpRequest, response: HttpResponse) -> bool:
    return _is_from_session(request) or settings.SESSION_COOKIE_NAME in response.cookies


def _send_position(response: HttpResponse) -> None:
    try:
        position = f"{written_position():x}"
    except DATABASE_AWAY as error:
        # What the request did is committed, so it doesn't fail.
        logger.warning("position_unknown", error=type(error).__name__)
        position = UNKNOWN
    response.set_cookie(
        COOKIE,
        _signer().sign(position),
        max_age=round(2 * settings.DATABASE_REPLICA_LAG_SECONDS),
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )


def _signer() -> Signer:
    return Signer(salt=SIGNER_SALT)
