"""Track sessions that began at the OpenID provider, and end them when it says so.

OpenID Connect Back-Channel Logout 1.0: the provider names the session that it ended (``sid``), or the user (``sub``)
whose sessions all end. Sign-in and logout of one session are serialised, so that a sign-in in progress during the
logout is refused instead of outliving it.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import structlog
from django.contrib.sessions.models import Session
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from accounts.errors import InvalidTokenError
from accounts.models import ProviderLogout, ProviderSession, User
from accounts.sign_in.id_tokens import Claims, is_storable_id
from core.database.locks import take_turns

logger = structlog.get_logger(__name__)

# Longer than a sign-in takes once it has its ID token.
KEPT_AT_LEAST = timedelta(minutes=5)
LONGEST_LIFE = timedelta(days=1)


def remember_session(session_key: str, user: User, id_claims: Claims) -> None:
    """Record the provider's session of a session here. Raises InvalidTokenError if the provider has ended it."""
    sid = id_claims["sid"] if is_storable_id(id_claims.get("sid")) else ""
    with transaction.atomic():
        _take_turns(sid, user)
        ended = Q(user=user, sid="", issued_at__gte=_moment(id_claims["iat"]))
        if ProviderLogout.objects.filter(ended | Q(sid=sid) if sid else ended).exists():
            raise InvalidTokenError("The provider has ended this session.", reason="logged_out")
        ProviderSession.objects.create(session_id=session_key, sid=sid, user=user)


def end_sessions(claims: Claims) -> None:
    """End the sessions that a logout token names, and record the token. Raises InvalidTokenError on a replay."""
    user = User.objects.filter(oidc_sub=claims["sub"]).first() if "sub" in claims else None
    sid = claims.get("sid", "")
    with transaction.atomic():
        _take_turns(sid, user)
        _note_logout(claims, sid, user)
        keys = list(_sessions_of(claims, sid, user).values_list("session_id", flat=True))
        Session.objects.filter(pk__in=keys).delete()
    logger.info("provider_ended_sessions", sessions=len(keys), user=str(user.pk) if user else "")


def _sessions_of(claims: Claims, sid: str, user: User | None) -> QuerySet[ProviderSession]:
    if not sid:
        return ProviderSession.objects.filter(user=user)
    if "sub" not in claims:
        return ProviderSession.objects.filter(sid=sid)
    # A session without a sid may be the one that ended, so it ends too.
    return ProviderSession.objects.filter(sid__in=[sid, ""], user=user)


def _note_logout(claims: Claims, sid: str, user: User | None) -> None:
    now = timezone.now()
    expires = _moment(claims["exp"])
    if expires > now + LONGEST_LIFE:
        raise InvalidTokenError("The token is not valid.", reason="exp")
    ProviderLogout.objects.filter(forget_after__lt=now).delete()
    _row, is_new = ProviderLogout.objects.get_or_create(
        jti=claims["jti"],
        defaults={
            "sid": sid,
            "user": user,
            "issued_at": _moment(claims["iat"]),
            "forget_after": max(expires, now) + KEPT_AT_LEAST,
        },
    )
    if not is_new:
        raise InvalidTokenError("The token is not valid.", reason="jti_came_before")


def _take_turns(sid: str, user: User | None) -> None:
    for name in (sid and f"provider-session:{sid}", user and f"provider-sessions-of:{user.pk}"):
        if name:
            take_turns(name)


def _moment(seconds: Any) -> datetime:
    """Convert a timestamp. Raises InvalidTokenError if it is out of range."""
    try:
        return datetime.fromtimestamp(max(0, int(seconds)), tz=UTC)
    except (ValueError, OverflowError, OSError):
        raise InvalidTokenError("The token is not valid.", reason="time") from None
