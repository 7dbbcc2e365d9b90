"""Carry out deliveries in threads, each as soon as it is due, and retry failures."""

import heapq
import logging
import threading
import time

from sandbox import store
from sandbox.models import Delivery
from sandbox.webhooks.sending import ENDPOINT_DELETED, Result, record_attempt, send

_THREADS = 8
_ATTEMPTS = 10
_LONGEST_WAIT_S = 60.0
_logger = logging.getLogger(__name__)


class Courier:
    """Queue deliveries by their due times, in real time, and send them.

    `_round` increases with every reset: a delivery begun in an earlier round isn't recorded in a later one.
    While `holding`, failures are held instead of retried.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._due: list[tuple[float, int, int]] = []
        self._order = 0
        self._in_progress = 0
        self._round = 0
        self.holding = False

    def start(self) -> None:
        for number in range(_THREADS):
            threading.Thread(target=self._work, name=f"courier-{number}", daemon=True).start()

    def schedule(self, delivery_pk: int, delay_s: float = 0.0) -> None:
        """Send a delivery after this delay. Deliveries due at the same time are sent in the order of the calls."""
        with self._changed:
            self._order += 1
            heapq.heappush(self._due, (time.monotonic() + delay_s, self._order, delivery_pk))
            self._changed.notify_all()

    def forget_all(self) -> None:
        """Empty the queue and ignore the results of what is in progress."""
        with self._changed:
            self._round += 1
            self._in_progress = 0
            self.clear_queue()

    def clear_queue(self) -> list[int]:
        """Empty the queue and return what was in it. What is in progress goes on."""
        with self._changed:
            waiting = [pk for _, _, pk in self._due]
            self._due.clear()
            self._changed.notify_all()
            return waiting

    def wait_until_idle(self, timeout_s: float) -> int:
        """Wait until nothing is queued or in progress; return how much still is after the timeout."""
        with self._changed:
            self._changed.wait_for(lambda: not self._count(), timeout_s)
            return self._count()

    def _count(self) -> int:
        return len(self._due) + self._in_progress

    def _work(self) -> None:
        while True:
            delivery_pk, round_ = self._take()
            try:
                self._carry_out(delivery_pk, round_)
            except Exception:
                _logger.exception("delivery %s failed", delivery_pk)
            finally:
                self._finish(round_)

    def _take(self) -> tuple[int, int]:
        """Wait for the next delivery to be due and return it with the current round."""
        with self._changed:
            while True:
                wait_s = self._due[0][0] - time.monotonic() if self._due else None
                if wait_s is not None and wait_s <= 0:
                    self._in_progress += 1
                    return heapq.heappop(self._due)[2], self._round
                self._changed.wait(wait_s)

    def _finish(self, round_: int) -> None:
        with self._changed:
            if round_ == self._round:
                self._in_progress -= 1
            self._changed.notify_all()

    def _carry_out(self, delivery_pk: int, round_: int) -> None:
        delivery = Delivery.objects.filter(pk=delivery_pk, state=Delivery.State.PENDING).first()
        if delivery is None or round_ != self._round:
            return
        result = send(delivery)
        with store.writing():
            if round_ == self._round:
                self._record(delivery, result)

    def _record(self, delivery: Delivery, result: Result) -> None:
        """Record an attempt and schedule the next: after 1, 2, 4, 8 … seconds, ten attempts in all."""
        if result.is_success:
            record_attempt(delivery, result, Delivery.State.DELIVERED)
        elif delivery.failures + 1 >= _ATTEMPTS or result.error == ENDPOINT_DELETED:
            record_attempt(delivery, result, Delivery.State.FAILED)
        elif self.holding:
            record_attempt(delivery, result, Delivery.State.HELD)
        else:
            record_attempt(delivery, result, Delivery.State.PENDING)
            self.schedule(delivery.pk, min(2.0 ** (delivery.failures - 1), _LONGEST_WAIT_S))


courier = Courier()
