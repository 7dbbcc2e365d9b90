"""Keep requests that wait for one account from taking all threads of a web process.

PostgreSQL lets them wait for the account's row, for some seconds each (`core.database.time_limits`), so an account
locked by somebody else would fill one thread after the other. Once such accounts hold half of the threads, a request
for an account that has answered nothing for `PATIENCE_S` is refused immediately. A busy account keeps answering, so
its requests are never refused, however many they are.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from threading import Lock
from time import monotonic
from types import TracebackType
from typing import Self
from uuid import UUID

import structlog
from django.conf import settings

from core.outages import Busy, gave_up

logger = structlog.get_logger(__name__)

PATIENCE_S = 1.0
# An account without requests for this long counts as free again.
FORGET_AFTER_S = 10.0


@dataclass(slots=True)
class Line:
    """The requests waiting for an account. ``since``: its last answer, or the first wait; ``left_at``: the last
    timeout.
    """

    waiting: int
    since: float
    left_at: float = 0.0

    def is_old(self, now: float) -> bool:
        return not self.waiting and now - self.left_at > FORGET_AFTER_S


class Lines:
    """The lines of one process."""

    def __init__(self) -> None:
        self._lines: dict[Hashable, Line] = {}
        self._lock = Lock()
        self._stuck_until = 0.0

    def join(self, subject: Hashable) -> None:
        """Join the subject's line. Raises Busy, without joining, if it has kept too many waiting for too long."""
        now = monotonic()
        with self._lock:
            line = self._lines.get(subject)
            if line is None or line.is_old(now):
                self._lines[subject] = Line(1, now)
                return
            if now - line.since > PATIENCE_S and self._held(now) >= max(1, settings.WEB_THREADS // 2):
                logger.warning("account_stuck", subject=str(subject), seconds=round(now - line.since))
                raise Busy(
                    "Another request is working on this account. Nothing was changed. Please try again."
                )
            line.waiting += 1

    def leave(self, subject: Hashable, *, answered: bool) -> None:
        now = monotonic()
        with self._lock:
            line = self._lines[subject]
            line.waiting -= 1
            if not answered:
                self._mark(line, now)
            elif line.waiting:
                line.since = now
            else:
                del self._lines[subject]

    def note_stuck(self, subject: Hashable) -> None:
        """Record a wait in vain, for a request that learns only afterwards what it waited for."""
        now = monotonic()
        with self._lock:
            self._mark(self._lines.setdefault(subject, Line(0, now - PATIENCE_S)), now)

    @property
    def any_stuck(self) -> bool:
        return monotonic() < self._stuck_until

    def _mark(self, line: Line, now: float) -> None:
        line.left_at, self._stuck_until = now, now + FORGET_AFTER_S
        self._lines = {subject: one for subject, one in self._lines.items() if not one.is_old(now)}

    def _held(self, now: float) -> int:
        return sum(line.waiting for line in self._lines.values() if now - line.since > PATIENCE_S)


LINES = Lines()


class Turn:
    """The line that a request waits in, if any; it leaves when the block ends::

    with Turn() as turn:
        turn.wait_at(account)
    """

    __slots__ = ("_find_account", "_subject")

    def __init__(self) -> None:
        self._subject: Hashable | None = None
        self._find_account: Callable[[], UUID] | None = None

    def wait_at(self, subject: Hashable) -> None:
        """Join the subject's line. Raises Busy if too many already wait there."""
        LINES.join(subject)
        self._subject = subject

    def wait_at_account_of(self, find_account: Callable[[], UUID]) -> None:
        """Join the line of an account that must be looked up, which happens only while one is stuck."""
        if LINES.any_stuck:
            self.wait_at(find_account())
        else:
            self._find_account = find_account

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._subject is not None:
            LINES.leave(self._subject, answered=not gave_up(error))
        elif self._find_account is not None and gave_up(error):
            LINES.note_stuck(self._find_account())
