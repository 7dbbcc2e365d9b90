"""Limit how many threads of a process do one slow thing simultaneously, so that the rest stay free."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from core.errors import DomainError


class Places:
    """A number of places, and as many waiting. Anyone beyond that immediately gets the error of ``refusal``."""

    def __init__(self, count: int, refusal: Callable[[], DomainError]) -> None:
        self._free = threading.BoundedSemaphore(count)
        self._here = threading.BoundedSemaphore(2 * count)
        self._mine = threading.local()
        self._refusal = refusal

    @contextmanager
    def take(self, wait_s: float) -> Iterator[None]:
        """Hold a place for this thread; nested calls share it. Raises the refusal if none is free in time."""
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
