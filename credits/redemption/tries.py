"""Limit wrong codes, so that nobody tries codes in bulk. Redeemed ones don't count: an event has one address."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

from django.conf import settings

from accounts.limits.rates import check_rate, count_down
from credits.redemption.errors import CodeInvalid

WINDOW_S = 3600


@contextmanager
def redemption_try(holders: list[UUID], address: str) -> Iterator[None]:
    """Allow one try by these users or teams. It counts from its start, so that parallel tries count too, and keeps
    counting only if the code is invalid.

    Raises:
        RateLimited: too many wrong codes. Nothing was looked up.
    """
    limits = {f"redemption:{holder}": settings.REDEMPTION_FAILURES for holder in holders}
    limits[f"redemption-address:{address}"] = settings.REDEMPTION_ADDRESS_FAILURES
    counted = []
    try:
        for name, limit in limits.items():
            counted.append(name)
            check_rate(name, limit, WINDOW_S)
        yield
    except CodeInvalid:
        counted.clear()
        raise
    finally:
        for name in counted:
            count_down(name, WINDOW_S)
