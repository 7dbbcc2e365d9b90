"""Keep what each caller saw: one line per attempt."""

from __future__ import annotations

import time
from collections import Counter
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
        self.holds: dict[tuple[str, str], str] = {}  # (account, key): id
        self.purchases: dict[str, str] = {}  # id: session
        self.oddities: list[str] = []

    def add(self, attempt: Attempt) -> None:
        with self._lock:
            self.attempts.append(attempt)

    def acknowledge_spend(self, account: str, key: str, amount: str) -> None:
        with self._lock:
            self.spends[account, key] = amount

    def acknowledge_hold(self, account: str, key: str, hold: str) -> None:
        with self._lock:
            self.holds[account, key] = hold

    def acknowledge_purchase(self, purchase: str, session: str) -> None:
        with self._lock:
            self.purchases[purchase] = session

    def note_oddity(self, text: str) -> None:
        """Keep what should never happen; the trial fails because of it."""
        with self._lock:
            self.oddities.append(text)

    def count_successes(self) -> Counter[str]:
        """Return how often each kind of request succeeded; a purchase only counts once it is paid."""
        done = Counter(attempt.kind for attempt in self.attempts if attempt.succeeded)
        done["purchase"] = len(self.purchases)
        return done

    def seconds_without_writes(self, since: float, until: float) -> float:
        """Return the longest time without an acknowledged spend that reaches into this window, in full length."""
        answers = sorted(attempt.answered_at for attempt in self.attempts)
        if not answers:
            return until - since
        spends = sorted(each.answered_at for each in self.attempts if each.kind == "spend" and each.succeeded)
        gaps = pairwise([answers[0], *spends, answers[-1]])
        return max(
            (later - earlier for earlier, later in gaps if earlier <= until and later >= since), default=0
        )

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
