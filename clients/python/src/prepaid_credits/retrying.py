"""How often a request is repeated, and how long each time it waits before."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime


@dataclass(frozen=True, slots=True)
class Retrying:
    """Waits twice as long each time, up to ``longest_delay_s``, less up to a half by chance, so that those who failed
    together don't come back together. A ``Retry-After`` is waited for, unless it is longer than ``longest_wait_s``.

    ``attempts`` counts the first one; 1: no repeats.
    """

    attempts: int = 6
    first_delay_s: float = 0.2
    longest_delay_s: float = 10.0
    longest_wait_s: float = 60.0

    def delay_s(self, failures: int, retry_after_s: float | None = None) -> float:
        """How long to wait after so many failures."""
        longest = min(self.longest_delay_s, self.first_delay_s * 2.0 ** min(failures - 1, 30))
        chance = random.uniform(0.5, 1.0)  # noqa: S311 - spreads repeats over time, keeps no secret
        return max(longest * chance, retry_after_s or 0.0)


def read_retry_after(text: str | None) -> float | None:
    """Seconds from now, of a ``Retry-After`` in seconds or as a date; None where there is none, or no sense in it."""
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
