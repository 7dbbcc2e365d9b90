"""Keep what each caller saw: one line per attempt."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from threading import Lock

NO_ANSWER = 0


@dataclass(frozen=True)
class Attempt:
    """One request: when it was sent, by the monotonic clock, how long it took, and the answer's status."""

    kind: str
    sent_at: float
    seconds: float
    status: int

    @property
    def answered_at(self) -> float:
        return self.sent_at + self.seconds

    @property
    def failed(self) -> bool:
        """Whether the caller was let down: a 5xx, or no answer."""
        return self.status == NO_ANSWER or self.status >= 500

    @property
    def succeeded(self) -> bool:
        return 200 <= self.status < 300


class Log:
    """Attempts of all threads, and what was acknowledged to them."""

    def __init__(self) -> None:
        self._lock = Lock()
        self.attempts: list[Attempt] = []
        self.spends: dict[tuple[str, str], str] = {}  # (account, key): amount
        self.purchases: dict[str, str] = {}  # id: session
        self.oddities: list[str] = []

    def add(self, attempt: Attempt) -> None:
        with self._lock:
            self.attempts.append(attempt)

    def acknowledge_spend(self, account: str, key: str, amount: str) -> None:
        with self._lock:
            self.spends[account, key] = amount

    def acknowledge_purchase(self, purchase: str, session: str) -> None:
        with self._lock:
            self.purchases[purchase] = session

    def note_oddity(self, text: str) -> None:
        """Keep what should never happen; the trial fails because of it."""
        with self._lock:
            self.oddities.append(text)

    def seconds_without_writes(self, since: float, until: float) -> float:
        """Return the longest time in this window in which no spend was acknowledged."""
        moments = sorted(
            attempt.answered_at
            for attempt in self.attempts
            if attempt.kind == "spend" and attempt.succeeded and since - 5 <= attempt.answered_at <= until
        )
        inside = [since, *(moment for moment in moments if moment > since), until]
        return max(later - earlier for earlier, later in pairwise(inside))

    def failures_outside(self, windows: Iterable[tuple[float, float]]) -> list[Attempt]:
        """Return the failed attempts that no window overlaps."""
        spans = list(windows)
        return [
            attempt
            for attempt in self.attempts
            if attempt.failed
            and not any(attempt.sent_at <= end and attempt.answered_at >= begin for begin, end in spans)
        ]


def now() -> float:
    return time.monotonic()
