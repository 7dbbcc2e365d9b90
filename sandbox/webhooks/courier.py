"""The threads that carry deliveries out, each as soon as it is due, and try again after a failure."""

import heapq
import logging
import threading
import time

from sandbox import store
from sandbox.models import Delivery
from sandbox.webhooks.sending import Result, record_attempt, send

_THREADS = 8
_ATTEMPTS = 10
_LONGEST_WAIT_S = 60.0
_logger = logging.getLogger(__name__)


class Courier:
    """A queue of deliveries by the moment they are due, in real time, and its workers.

    `_round` rises with every reset: what was on its way in an earlier round is not written into the new one.
    While `holding`, what fails is held back instead of tried again.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._due: list[tuple[float, int, int]] = []
        self._order = 0
        self._under_way = 0
        self._round = 0
        self.holding = False

    def start(self) -> None:
        for number in range(_THREADS):
            threading.Thread(target=self._work, name=f"courier-{number}", daemon=True).start()

    def schedule(self, delivery_pk: int, delay_s: float = 0.0) -> None:
        """Send a delivery after this long. Deliveries due at the same moment leave in the order they came."""
        with self._changed:
            self._order += 1
            heapq.heappush(self._due, (time.monotonic() + delay_s, self._order, delivery_pk))
            self._changed.notify_all()

    def forget_all(self) -> None:
        """Drop the queue, and disown what is under way."""
        with self._changed:
            self._due.clear()
            self._round += 1
            self._under_way = 0
            self._changed.notify_all()

    def clear_queue(self) -> list[int]:
        """Take everything that is waiting out of the queue; what is under way goes on."""
        with self._changed:
            waiting = [pk for _, _, pk in self._due]
            self._due.clear()
            self._changed.notify_all()
            return waiting

    def wait_until_idle(self, timeout_s: float) -> int:
        """Wait until nothing is due or under way; returns how many still are when the time is up."""
        with self._changed:
            self._changed.wait_for(lambda: not self._count(), timeout_s)
            return self._count()

    def _count(self) -> int:
        return len(self._due) + self._under_way

    def _work(self) -> None:
        while True:
            delivery_pk, round_ = self._take()
            try:
                self._carry(delivery_pk, round_)
            except Exception:
                _logger.exception("delivery %s could not be carried out", delivery_pk)
            finally:
                self._finish(round_)

    def _take(self) -> tuple[int, int]:
        """The next delivery that is due, waiting for it as long as it takes."""
        with self._changed:
            while True:
                wait_s = self._due[0][0] - time.monotonic() if self._due else None
                if wait_s is not None and wait_s <= 0:
                    self._under_way += 1
                    return heapq.heappop(self._due)[2], self._round
                self._changed.wait(wait_s)

    def _finish(self, round_: int) -> None:
        with self._changed:
            if round_ == self._round:
                self._under_way -= 1
            self._changed.notify_all()

    def _carry(self, delivery_pk: int, round_: int) -> None:
        delivery = Delivery.objects.filter(pk=delivery_pk, state=Delivery.State.PENDING).first()
        if delivery is None or round_ != self._round:
            return
        result = send(delivery)
        with store.writing():
            if round_ == self._round:
                self._note(delivery, result)

    def _note(self, delivery: Delivery, result: Result) -> None:
        """Write down what happened and plan the next attempt: after 1, 2, 4, 8 … seconds, ten in all."""
        if result.is_success:
            record_attempt(delivery, result, Delivery.State.DELIVERED)
        elif delivery.failures + 1 >= _ATTEMPTS or result.error == "the endpoint has been deleted":
            record_attempt(delivery, result, Delivery.State.FAILED)
        elif self.holding:
            record_attempt(delivery, result, Delivery.State.HELD)
        else:
            record_attempt(delivery, result, Delivery.State.PENDING)
            self.schedule(delivery.pk, min(2.0 ** (delivery.failures - 1), _LONGEST_WAIT_S))


courier = Courier()
