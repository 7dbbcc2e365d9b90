"""Bulkheads: how many threads of a process may do one slow thing at once, so that the others stay free for the rest."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from core.errors import DomainError


class Places:
    """So many at once, and as many who wait for a place: whoever comes on top of that is refused at once, with the
    error that ``refusal`` makes.
    """

    def __init__(self, count: int, refusal: Callable[[], DomainError]) -> None:
        self._free = threading.BoundedSemaphore(count)
        self._here = threading.BoundedSemaphore(2 * count)
        self._mine = threading.local()
        self._refusal = refusal

    @contextmanager
    def take(self, wait_s: float) -> Iterator[None]:
        """Keeps a place for this thread, however often it takes one inside. Raises the refusal where none becomes free
        in time.
        """
        if getattr(self._mine, "is_taken", False):
            yield
            return
        with self._one_of(self._here, 0), self._one_of(self._free, wait_s):
            self._mine.is_taken = True
            try:
                yield
            finally:
                self._mine.is_taken = False

    @contextmanager
    def _one_of(self, semaphore: threading.Semaphore, wait_s: float) -> Iterator[None]:
        if not semaphore.acquire(timeout=wait_s):
            raise self._refusal()
        try:
            yield
        finally:
            semaphore.release()
