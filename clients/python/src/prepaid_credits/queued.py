"""Spends that wait to be sent, and how each of them went."""

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

# The API takes 1,000 spends in a request, and Django 2.5 MB.
MOST_ITEMS = 1000
MOST_BYTES = 1_000_000
PLACES = -6
LARGEST = Decimal(10) ** 18


@dataclass(frozen=True, slots=True)
class QueuedSpend:
    """One spend, checked and written as it will be sent. ``number``: its place in this batch's history."""

    number: int
    account: str
    amount: Decimal
    key: str
    body: bytes
    future: Future[Spent] = field(default_factory=Future, compare=False)


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a spend of a batch went: ``spent``, or the ``error`` that it was refused with."""

    key: str
    account: str
    amount: Decimal
    spent: Spent | None = None
    error: Exception | None = None


def queue_spend(
    number: int, account: object, amount: Amount, key: str, reference: str, metadata: dict[str, Any] | None
) -> QueuedSpend:
    """Checks here what the API would refuse later, when nobody may be there to see it.

    Raises:
        TypeError: a float.
        ValueError: no amount of credits, no account's id, or no key.
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
    """A spend that an earlier process left in its spool. Raises KeyError for what is none."""
    credits = Decimal(document["amount"])
    body = write_json(document)
    return _claimed(QueuedSpend(number, document["account"], credits, document["key"], body))


def _claimed(spend: QueuedSpend) -> QueuedSpend:
    # From now on nobody can cancel it.
    spend.future.set_running_or_notify_cancel()
    return spend


def _checked_amount(amount: Amount) -> Decimal:
    credits = read_amount(amount)
    if not 0 < credits < LARGEST or credits != round(credits, -PLACES):
        raise ValueError(f"amount must be above zero, below 10^18, with six places at most: {credits}.")
    return credits


class SpendQueue:
    """Gives spends out in their order, as soon as ``size`` of them wait or the oldest has waited ``interval_s``."""

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
        """Gives out at once what waits now."""
        with self._changed:
            self._hurry = len(self._waiting)
            self._changed.notify()

    def close(self) -> None:
        with self._changed:
            self.closing.set()
            self._changed.notify()

    def take(self) -> list[QueuedSpend]:
        """The next spends to be sent together. Empty: the queue is closed, and nothing waits."""
        with self._changed:
            while not self._is_due():
                if self.closing.is_set() and not self._waiting:
                    return []
                self._changed.wait(self._patience_s())
            return self._pop()

    def _is_due(self) -> bool:
        if not self._waiting:
            return False
        is_full = len(self._waiting) >= self._size
        return is_full or self._hurry > 0 or self.closing.is_set() or self._patience_s() == 0

    def _patience_s(self) -> float | None:
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
