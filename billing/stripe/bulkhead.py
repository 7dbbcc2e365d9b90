"""Limit how many web threads can wait for Stripe, so that a slow Stripe stops only buyers.

Services, Stripe's deliveries and the probes never ask Stripe, and always find a free thread. Jobs and commands may
wait as long as they like: only the web is limited.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings

from billing.provider.errors import StripeBusy
from core.bulkheads import Places
from core.program import WEB, this_program

# Long enough for a place to become free at Stripe's usual speed.
WAIT_S = 0.5


@contextmanager
def place(wait_s: float = WAIT_S) -> Iterator[None]:
    """Hold a place for calls to Stripe; any number of calls made inside share it.

    Raises:
        StripeBusy: none became free in time; Stripe wasn't called.
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
