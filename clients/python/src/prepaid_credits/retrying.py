"""Decide how often a request is retried, and after which delays."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime


@dataclass(frozen=True, slots=True)
class Retrying:
    """Double the delay each time, up to ``longest_delay_s``, less a random part of up to half.

    Randomness keeps clients that failed together from retrying together. A ``Retry-After`` is respected, unless it is
    longer than ``longest_wait_s``. ``attempts`` includes the first one; 1 means no retries.
    """

    attempts: int = 6
    first_delay_s: float = 0.2
    longest_delay_s: float = 10.0
    longest_wait_s: float = 60.0

    def delay_s(self, failures: int, retry_after_s: float | None = None) -> float:
        """Return the delay after this many failures."""
        longest = min(self.longest_delay_s, self.first_delay_s * 2.0 ** min(failures - 1, 30))
        chance = random.uniform(0.5, 1.0)  # noqa: S311 - spreads retries over time, keeps no secret
        return max(longest * chance, retry_after_s or 0.0)


def read_retry_after(text: str | None) -> float | None:
    """Return the seconds of a ``Retry-After``, given in seconds or as a date; None if missing or invalid."""
    if not text:
        return None
    if text.strip().isdecimal():
        return float(text)
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - datetime.now(UTC)).total_seconds())
