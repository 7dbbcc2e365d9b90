"""Spends in the background: taken at once, sent many together, none lost on the way out."""

from __future__ import annotations

import atexit
import logging
import os
import signal
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, wait
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any, Self
from uuid import UUID, uuid4

from prepaid_credits.amounts import Amount
from prepaid_credits.errors import BatchClosed, BatchFull, NotSent
from prepaid_credits.queued import MOST_ITEMS, Outcome, QueuedSpend, SpendQueue, queue_spend, requeue_spend
from prepaid_credits.sending import Sender
from prepaid_credits.spool import Spool
from prepaid_credits.transport import Transport
from prepaid_credits.values import Spent

logger = logging.getLogger("prepaid_credits")


class Batch:
    """Takes spends and sends them in the background, ``size`` at a time or after ``interval_s`` seconds::

        with client.batch() as batch:
            for job in jobs:
                batch.spend(job.account, job.cost, key=job.id)

    What waits is sent when the block ends, when the process exits, and on SIGTERM, which then becomes an orderly exit
    (``handle_sigterm``; only where the program has no handler of its own). While the service is away it is tried again
    and again; closing tries for ``close_timeout_s`` more, then raises `NotSent`.

    With a ``spool`` each spend is on the disk before `spend` returns, and so outlives a SIGKILL or a power cut: the
    next batch with that file sends it with the same key.

    How each spend went tell its Future and ``on_result``, which is called in the background thread; a refused one is
    logged too. A spend whose process was killed is reported by ``on_result`` of the batch that sends it again.
    """

    def __init__(
        self,
        transport: Transport,
        *,
        size: int,
        interval_s: float,
        spool: Path | None,
        on_result: Callable[[Outcome], None] | None,
        most_waiting: int,
        close_timeout_s: float,
        handle_sigterm: bool,
    ) -> None:
        if not 0 < size <= MOST_ITEMS:
            raise ValueError(f"size is from 1 to {MOST_ITEMS}.")
        self._on_result = on_result
        self._most_waiting = most_waiting
        self._close_timeout_s = close_timeout_s
        self._queue = SpendQueue(size, interval_s)
        self._sender = Sender(transport, self._settle, self._queue.closing)
        self._unsettled: dict[int, QueuedSpend] = {}
        # Held while a spend is taken, so that none comes in once the batch is closed.
        self._taking = threading.Lock()
        self._last_number = 0
        self._is_closed = False
        self._process = os.getpid()
        self._spool = Spool(spool) if spool else None
        self._take_leftovers()
        self._thread = threading.Thread(target=self._run, name="prepaid-credits-batch", daemon=True)
        self._thread.start()
        # Daemon threads still run while atexit's functions do.
        atexit.register(self._close_at_exit)
        if handle_sigterm:
            exit_on_sigterm()

    @property
    def is_closed(self) -> bool:
        return self._is_closed

    def spend(
        self,
        account: str | UUID,
        amount: Amount,
        *,
        reference: str = "",
        metadata: Mapping[str, Any] | None = None,
        key: str | None = None,
    ) -> Future[Spent]:
        """Takes the spend; with a spool it is on the disk then. The Future gives `Spent`, or raises what it was refused
        with: InsufficientCredits, UnknownAccount, KeyConflict, InvalidRequest, or NotSent.

        Raises:
            TypeError, ValueError: a float, no amount, no account's id, no key.
            BatchFull, BatchClosed: the spend was not taken.
            OSError: the spool can't be written; the spend was not taken.
        """
        with self._taking:
            if self._is_closed or self._process != os.getpid():
                raise BatchClosed("This batch is closed, or was made before this process was forked off.")
            if len(self._unsettled) >= self._most_waiting:
                raise BatchFull(f"{self._most_waiting} spends wait to be sent.")
            described = dict(metadata) if metadata else None
            number = self._last_number + 1
            spend = queue_spend(number, account, amount, key or str(uuid4()), reference, described)
            if self._spool:
                self._spool.append(number, spend.body)
            self._last_number = number
            self._take(spend)
        return spend.future

    def flush(self, timeout_s: float | None = None) -> bool:
        """Sends what waits now. True: the outcome of each is known; False: the time was over."""
        waiting = [spend.future for spend in list(self._unsettled.values())]
        self._queue.hurry()
        return not wait(waiting, timeout_s).not_done

    def close(self) -> None:
        """Sends what waits and ends the thread. Raises NotSent for what could not be sent in time."""
        if self._process != os.getpid():
            return
        with self._taking:
            self._is_closed = True
        atexit.unregister(self._close_at_exit)
        self._sender.give_up_at = time.monotonic() + self._close_timeout_s
        self._queue.close()
        self._thread.join(self._close_timeout_s + 1)
        left = list(self._unsettled.values())
        unsent = NotSent(tuple(spend.key for spend in left), in_spool=self._spool is not None)
        for spend in left:
            if self._unsettled.pop(spend.number, None):
                spend.future.set_exception(unsent)
        self._close_spool()
        if left:
            raise unsent

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.close()
        except NotSent as unsent:
            if error is None:
                raise
            error.add_note(str(unsent))

    def _take_leftovers(self) -> None:
        for number, document in self._spool.leftovers if self._spool else ():
            self._last_number = number
            self._take(requeue_spend(number, document))

    def _take(self, spend: QueuedSpend) -> None:
        self._unsettled[spend.number] = spend
        self._queue.put(spend)

    def _run(self) -> None:
        while spends := self._queue.take():
            if not self._sender.send(spends):
                return

    def _settle(self, outcomes: Sequence[tuple[QueuedSpend, Outcome]]) -> None:
        """Reports first and forgets then: after a crash in between it is sent and reported once more."""
        for _spend, outcome in outcomes:
            self._report(outcome)
        if self._spool:
            try:
                self._spool.settle(spend.number for spend, _outcome in outcomes)
            except OSError:
                # They will be sent once more, with the same keys.
                logger.exception("The spool could not be written.")
        for spend, outcome in outcomes:
            if self._unsettled.pop(spend.number, None) is None:
                continue
            if outcome.spent:
                spend.future.set_result(outcome.spent)
            else:
                spend.future.set_exception(outcome.error)

    def _report(self, outcome: Outcome) -> None:
        if outcome.error:
            spend = f"{outcome.amount} of account {outcome.account}, key {outcome.key}"
            logger.warning("A spend was refused: %s: %s", spend, outcome.error)
        if self._on_result:
            try:
                self._on_result(outcome)
            except Exception:
                logger.exception("on_result failed for key %s", outcome.key)

    def _close_spool(self) -> None:
        # A thread that still waits for an answer may yet settle; the process's end closes the file for it.
        if self._spool and not self._thread.is_alive():
            self._spool.close()
            self._spool = None

    def _close_at_exit(self) -> None:
        try:
            self.close()
        except NotSent as unsent:
            keys = ", ".join(unsent.keys)
            logger.error("%s Keys: %s", unsent, keys)  # noqa: TRY400 - no defect, so no traceback


def exit_on_sigterm() -> None:
    """Makes SIGTERM end the program as `sys.exit` does, through ``finally``, ``with`` and atexit, once.

    Does nothing where the program handles SIGTERM already, and outside the main thread.
    """
    if threading.current_thread() is not threading.main_thread():
        return
    if signal.getsignal(signal.SIGTERM) == signal.SIG_DFL:
        signal.signal(signal.SIGTERM, _exit_once)


def _exit_once(number: int, frame: FrameType | None) -> None:
    # A second one must not stop what the first one began.
    signal.signal(signal.SIGTERM, lambda _number, _frame: None)
    raise SystemExit(128 + number)
