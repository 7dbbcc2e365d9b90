"""Stop asking a server that is away for a while, so that not each request waits for it in vain."""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock
from time import monotonic
from typing import TypeVar

import structlog

logger = structlog.get_logger(__name__)
T = TypeVar("T")

PAUSE_S = 5.0


class Breaker:
    """A process's knowledge of one server.

    ``failures`` are the errors by which it is known to be away. Its going and its return are logged once each, as
    ``<server>_away`` and ``<server>_back``.
    """

    def __init__(self, server: str, *failures: type[Exception]) -> None:
        self._server = server
        self._failures = failures
        self._lock = Lock()
        self._is_away = False
        self._ask_again_at = 0.0

    @property
    def is_away(self) -> bool:
        return self._is_away

    def ask(self, call: Callable[[], T], instead: T) -> T:
        """Return the server's answer; ``instead`` while there is none."""
        if self._is_away and not self._may_try():
            return instead
        try:
            answer = call()
        except self._failures as error:
            self.note_away(error)
            return instead
        if self._is_away:
            self._note_back()
        return answer

    def note_away(self, error: BaseException) -> None:
        """Ask nothing for `PAUSE_S`."""
        with self._lock:
            self._ask_again_at = monotonic() + PAUSE_S
            if not self._is_away:
                self._is_away = True
                logger.warning(f"{self._server}_away", error=type(error).__name__)

    def _may_try(self) -> bool:
        with self._lock:
            now = monotonic()
            if now < self._ask_again_at:
                return False
            self._ask_again_at = now + PAUSE_S
            return True

    def _note_back(self) -> None:
        with self._lock:
            if self._is_away:
                self._is_away = False
                logger.info(f"{self._server}_back")
