"""Queue spends, and describe their outcomes."""

from __future__ import annotations

import threading
import time
from collections import deque
from concurrent.futures import Future
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from uuid import UUID

from prepaid_credits.amounts import Amount, plain, read_amount, write_json
from prepaid_credits.transport import checked_key
from prepaid_credits.values import Spent

# The API accepts 1,000 spends per request, and Django 2.5 MB.
MOST_ITEMS = 1000
MOST_BYTES = 1_000_000
PLACES = -6
LARGEST = Decimal(10) ** 18


@dataclass(frozen=True, slots=True)
class QueuedSpend:
    """Hold one spend, checked and encoded. ``number`` counts the spends of its batch."""

    number: int
    account: str
    amount: Decimal
    key: str
    body: bytes
    future: Future[Spent] = field(default_factory=Future, compare=False)


@dataclass(frozen=True, slots=True)
class Outcome:
    """Describe the outcome of a spend in a batch: ``spent``, or the ``error`` that refused it."""

    key: str
    account: str
    amount: Decimal
    spent: Spent | None = None
    error: Exception | None = None


def queue_spend(
    number: int, account: object, amount: Amount, key: str, reference: str, metadata: dict[str, Any] | None
) -> QueuedSpend:
    """Check a spend now, while the caller can still handle what the API would refuse later.

    Raises TypeError for a float, and ValueError for an invalid amount, account id or key.
    """
    credits = _checked_amount(amount)
    document: dict[str, Any] = {"account": str(UUID(str(account))), "amount": plain(credits)}
    document["key"] = checked_key(key)
    if reference:
        document["reference"] = reference
    if metadata:
        document["metadata"] = metadata
    return _claimed(QueuedSpend(number, document["account"], credits, key, write_json(document)))


def requeue_spend(number: int, document: dict[str, Any]) -> QueuedSpend:
    """Return a spend that an earlier process left in its spool. Raises KeyError if it is incomplete."""
    credits = Decimal(document["amount"])
    body = write_json(document)
    return _claimed(QueuedSpend(number, document["account"], credits, document["key"], body))


def _claimed(spend: QueuedSpend) -> QueuedSpend:
    # From now on it can't be cancelled.
    spend.future.set_running_or_notify_cancel()
    return spend


def _checked_amount(amount: Amount) -> Decimal:
    credits = read_amount(amount)
    if not 0 < credits < LARGEST or credits != round(credits, -PLACES):
        raise ValueError(f"amount must be above 0 and below 10^18, with at most six decimals: {credits}.")
    return credits


class SpendQueue:
    """Return spends in order, as soon as ``size`` of them wait or the oldest has waited ``interval_s``."""

    def __init__(self, size: int, interval_s: float) -> None:
        self.closing = threading.Event()
        self._size = size
        self._interval_s = interval_s
        self._waiting: deque[tuple[float, QueuedSpend]] = deque()
        self._changed = threading.Condition()
        self._hurry = 0

    def put(self, spend: QueuedSpend) -> None:
        with self._changed:
            self._waiting.append((time.monotonic(), spend))
            if len(self._waiting) in (1, self._size):
                self._changed.notify()

    def hurry(self) -> None:
        """Let `take` return at once what is waiting now."""
        with self._changed:
            self._hurry = len(self._waiting)
            self._changed.notify()

    def close(self) -> None:
        with self._changed:
            self.closing.set()
            self._changed.notify()

    def take(self) -> list[QueuedSpend]:
        """Wait for the next spends to send together. Empty if the queue is closed and nothing waits."""
        with self._changed:
            while not self._is_due():
                if self.closing.is_set() and not self._waiting:
                    return []
                self._changed.wait(self._time_left_s())
            return self._pop()

    def _is_due(self) -> bool:
        if not self._waiting:
            return False
        is_full = len(self._waiting) >= self._size
        return is_full or self._hurry > 0 or self.closing.is_set() or self._time_left_s() == 0

    def _time_left_s(self) -> float | None:
        if not self._waiting:
            return None
        return max(0.0, self._waiting[0][0] + self._interval_s - time.monotonic())

    def _pop(self) -> list[QueuedSpend]:
        taken: list[QueuedSpend] = []
        length = 0
        while self._waiting and len(taken) < self._size:
            length += len(self._waiting[0][1].body) + 1
            if taken and length > MOST_BYTES:
                break
            taken.append(self._waiting.popleft()[1])
        self._hurry = max(0, self._hurry - len(taken))
        return taken
