"""How many of the web's threads Stripe can keep waiting: a bulkhead. A slow Stripe so stops buyers, and nobody else.

Services, Stripe's own deliveries and the probes never ask Stripe, and there is always a thread left for them. Jobs and
commands may wait as long as they like: only the web has places.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings

from billing.errors import StripeBusy
from core.bulkheads import Places
from core.program import WEB, this_program

# Long enough for a place to become free while Stripe answers as it mostly does.
WAIT_S = 0.5


@contextmanager
def place(wait_s: float = WAIT_S) -> Iterator[None]:
    """Keeps a place for calls to Stripe; one for however many calls are made inside it.

    Raises:
        StripeBusy: none became free in time. Nobody was asked.
    """
    if this_program() != WEB:
        yield
        return
    with _places_of_this_process().take(wait_s):
        yield


def _busy() -> StripeBusy:
    return StripeBusy("Stripe is slow at the moment, and others wait for it already. Nothing was charged.")


@functools.lru_cache(maxsize=1)
def _places_of_this_process() -> Places:
    return Places(settings.STRIPE_WEB_CALLS, _busy)
