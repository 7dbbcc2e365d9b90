"""Limit the requests of a client or a user per minute.

Counted in Django's cache by calendar minute, with one increment. Around the turn of a minute a caller can make twice
the limit in 60 seconds: enough against floods, while an exact window needs more reads and writes. By default each web
process counts in its memory; with a shared cache (CACHE_URL) they count together, and while it is away nobody is
refused.
"""

from __future__ import annotations

import math
import time
from contextlib import suppress
from typing import Any, NamedTuple
from uuid import UUID

import structlog
from django.conf import settings
from django.core.cache import cache

from core.errors import DomainError

logger = structlog.get_logger(__name__)

WINDOW_S = 60


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
    now = time.time()
    reset_s = math.ceil((int(now) // window_s + 1) * window_s - now)
    count = count_up(name, window_s)
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


def count_up(name: str, window_s: int = WINDOW_S) -> int:
    """Count one more of ``name`` in this window; return the count, this one included."""
    key = _key(name, window_s)
    try:
        return cache.incr(key)
    except ValueError:  # the first in this window
        return 1 if cache.add(key, 1, timeout=2 * window_s) else cache.incr(key)


def count_down(name: str, window_s: int = WINDOW_S) -> None:
    """Undo one count of `count_up` or `check_rate`."""
    with suppress(ValueError):  # a new window has begun, or the cache has dropped it
        cache.decr(_key(name, window_s))


def counted(name: str, window_s: int = WINDOW_S) -> int:
    """Return the count of ``name`` in this window."""
    return int(cache.get(_key(name, window_s), 0))


def _key(name: str, window_s: int) -> str:
    return f"rate:{name}:{int(time.time()) // window_s}"
