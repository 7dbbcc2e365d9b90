"""Limit password tries so that guessers are stopped and a user is never locked out.

Failures are counted in windows of five minutes: per name and address, per address, and per name. No name is ever
blocked, or anyone could lock out its user. While many addresses try one name, each has fewer tries at it, but at least
two: a user who signs in from elsewhere succeeds, even after a typo.

Names are counted in their normal form, whether or not the user exists, so that no response reveals it. The cache and
the log get digests: passwords are sometimes typed into the wrong field. While the cache is away nobody is refused
(`core.failsafe_cache`), but simultaneous checks are still limited.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from contextlib import contextmanager

import structlog
from django.conf import settings
from django.utils.crypto import salted_hmac

from accounts.errors import SignInBusy
from accounts.limits.rates import check_rate, count_down, count_up, counted
from accounts.normal_form import normal_form
from core.bulkheads import Places

logger = structlog.get_logger(__name__)

WINDOW_S = 300
FEWEST = 2
# Longer than one check takes, so that a try waiting for the only slot gets it.
WAIT_S = 1.0


@contextmanager
def password_try(name: str, address: str) -> Iterator[None]:
    """Allow one password check. It counts as a failure until the block ends without an error, even in parallel.

    Raises:
        RateLimited: too many failures. Nothing was checked.
        SignInBusy: too many checks are running. Nothing was checked, and this try doesn't count.
    """
    form = normal_form(name)
    by_name, by_address = _key("name", form), _key("address", address)
    by_pair = _key("pair", f"{form} {address}")
    # A refused try is not counted further: one address doesn't use up the others' tries.
    check_rate(by_pair, _allowance(counted(by_name, WINDOW_S)), WINDOW_S)
    check_rate(by_address, settings.SIGN_IN_ADDRESS_FAILURES, WINDOW_S)
    count_up(by_name, WINDOW_S)
    try:
        with _places().take(WAIT_S):
            yield
    except SignInBusy:
        logger.warning("sign_in_busy")
        _take_back(by_pair, by_address, by_name)
        raise
    _take_back(by_pair, by_address, by_name)


def _take_back(*keys: str) -> None:
    for key in keys:
        count_down(key, WINDOW_S)


def _allowance(failures: int) -> int:
    """Return how many failures one address may have for a name with this many from everywhere."""
    usual: int = settings.SIGN_IN_FAILURES
    from_all: int = settings.SIGN_IN_NAME_FAILURES
    return usual if failures <= from_all else max(min(FEWEST, usual), usual * from_all // failures)


def _key(kind: str, text: str) -> str:
    return f"sign-in-{kind}:{salted_hmac('accounts.sign_in.password_tries', text).hexdigest()}"


def _busy() -> SignInBusy:
    return SignInBusy("Other passwords are being checked.", reason="busy")


@functools.lru_cache(maxsize=1)
def _places() -> Places:
    return Places(settings.SIGN_IN_CHECKS, _busy)
