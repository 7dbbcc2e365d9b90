"""Limit the requests of a client or a user per minute.

Counted by calendar minute, for all processes together (`accounts.limits.counters`). Around the turn of a minute a
caller can make twice the limit in 60 seconds: enough against floods, while an exact window needs more reads and writes.
Limits of fewer than `EXACT_BELOW` are exact; others can be exceeded by what other processes admit in a tenth of a
second.
"""

from __future__ import annotations

import math
import time
from typing import Any, NamedTuple
from uuid import UUID

import structlog
from django.conf import settings

from accounts.limits.counters import counters
from core.errors import DomainError

logger = structlog.get_logger(__name__)

WINDOW_S = 60
# Ten a second: a request more or less in a tenth of a second.
EXACT_BELOW = 600


class RateLimited(DomainError):
    """Too many requests in this minute. ``retry_after`` in ``params`` is the seconds that are left of it."""

    code = "rate_limited"
    status = 429

    def __init__(self, retry_after: int, **params: Any) -> None:
        text = f"Too many requests. Try again in {retry_after} seconds."
        super().__init__(text, retry_after=retry_after, **params)


class Rate(NamedTuple):
    """The limit per window, what remains of it, and the seconds until the next window."""

    limit: int
    remaining: int
    reset_s: int


def check_rate(name: str, limit: int, window_s: int = WINDOW_S) -> Rate:
    """Count one request of ``name``, such as ``client:<id>``, in this window. Raises RateLimited above ``limit``."""
    ends_at = _end_of(window_s)
    reset_s = math.ceil(ends_at - time.time())
    count = counters().add(name, ends_at, exactly=limit < EXACT_BELOW)
    if count > limit:
        logger.info("rate_limited", who=name, limit=limit, window_s=window_s)
        raise RateLimited(retry_after=reset_s)
    return Rate(limit, limit - count, reset_s)


def check_client_rate(client_id: UUID, limit: int) -> Rate:
    """Count one request of an API client against its limit."""
    return check_rate(f"client:{client_id}", limit)


def check_account_rate(account_id: UUID) -> Rate:
    """Count one request for an account, whichever client makes it, against CREDITS_USER_RATE."""
    return check_rate(f"account:{account_id}", settings.CREDITS_USER_RATE)


def count_up(name: str, window_s: int = WINDOW_S) -> None:
    """Count one more of ``name`` in this window."""
    counters().add(name, _end_of(window_s))


def count_down(name: str, window_s: int = WINDOW_S) -> None:
    """Undo one count of `count_up` or `check_rate`, unless a new window has begun."""
    counters().take_back(name, _end_of(window_s))


def counted(name: str, window_s: int = WINDOW_S) -> int:
    """Return the count of ``name`` in this window, by all processes."""
    return counters().add(name, _end_of(window_s), 0, exactly=True)


def _end_of(window_s: int) -> int:
    """Return when the current window ends, in Unix time."""
    return (int(time.time()) // window_s + 1) * window_s
