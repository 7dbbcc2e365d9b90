"""Spend in the background: accept at once, send many together, lose none at exit."""

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
    """Accept spends and send them in the background, ``size`` at a time or after ``interval_s`` seconds::

        with client.batch() as batch:
            for job in jobs:
                batch.spend(job.account, job.cost, key=job.id)

    Waiting spends are sent when the block ends, when the process exits, and on SIGTERM, which becomes an orderly exit
    (``handle_sigterm``), unless the program has a handler of its own. While the service is down, sending is retried;
    closing goes on for ``close_timeout_s``, then raises `NotSent`.

    With a ``spool``, each spend is on disk before `spend` returns, and so survives a SIGKILL or a power cut: the next
    batch with that file sends it with the same key.

    The outcome of each spend is reported by its Future and by ``on_result``, called in the background thread; refusals
    are logged too. If the process was killed, ``on_result`` of the batch that sends the spend again reports it.
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
            raise ValueError(f"size must be from 1 to {MOST_ITEMS}.")
        self._on_result = on_result
        self._most_waiting = most_waiting
        self._close_timeout_s = close_timeout_s
        self._queue = SpendQueue(size, interval_s)
        self._sender = Sender(transport, self._settle, self._queue.closing)
        self._unsettled: dict[int, QueuedSpend] = {}
        # Held while a spend is accepted, so that none is once the batch is closed.
        self._taking = threading.Lock()
        self._last_number = 0
        self._is_closed = False
        self._process = os.getpid()
        self._spool = Spool(spool) if spool else None
        self._take_leftovers()
        self._thread = threading.Thread(target=self._run, name="prepaid-credits-batch", daemon=True)
        self._thread.start()
        # Daemon threads still run during atexit functions.
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
        """Accept a spend; with a spool it is then on disk.

        The Future returns `Spent`, or raises InsufficientCredits, UnknownAccount, KeyConflict, InvalidRequest or
        NotSent.

        Raises:
            TypeError, ValueError: for a float, and for an invalid amount, account id or key.
            BatchFull, BatchClosed: if the spend was not accepted.
            OSError: if the spool can't be written; the spend was not accepted.
        """
        with self._taking:
            if self._is_closed or self._process != os.getpid():
                raise BatchClosed("This batch is closed, or was created before this process was forked.")
            if len(self._unsettled) >= self._most_waiting:
                raise BatchFull(f"{self._most_waiting} spends are waiting to be sent.")
            described = dict(metadata) if metadata else None
            number = self._last_number + 1
            spend = queue_spend(number, account, amount, key or str(uuid4()), reference, described)
            if self._spool:
                self._spool.append(number, spend.body)
            self._last_number = number
            self._take(spend)
        return spend.future

    def flush(self, timeout_s: float | None = None) -> bool:
        """Send what is waiting now. Return True if all outcomes are known, False after the timeout."""
        waiting = [spend.future for spend in list(self._unsettled.values())]
        self._queue.hurry()
        return not wait(waiting, timeout_s).not_done

    def close(self) -> None:
        """Send what is waiting and end the thread. Raises NotSent for what could not be sent in time."""
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
        """Report outcomes before forgetting them: after a crash in between, they are sent and reported again."""
        for _spend, outcome in outcomes:
            self._report(outcome)
        if self._spool:
            try:
                self._spool.settle(spend.number for spend, _outcome in outcomes)
            except OSError:
                # They will be sent again, with the same keys.
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
        # A thread that still waits for an answer may yet write; the end of the process closes the file.
        if self._spool and not self._thread.is_alive():
            self._spool.close()
            self._spool = None

    def _close_at_exit(self) -> None:
        try:
            self.close()
        except NotSent as unsent:
            keys = ", ".join(unsent.keys)
            logger.error("%s Keys: %s", unsent, keys)  # noqa: TRY400 - not a defect, so no traceback


def exit_on_sigterm() -> None:
    """Make SIGTERM end the program like `sys.exit`, through ``finally``, ``with`` and atexit.

    Do nothing outside the main thread, or if the program handles SIGTERM itself.
    """
    if threading.current_thread() is not threading.main_thread():
        return
    if signal.getsignal(signal.SIGTERM) == signal.SIG_DFL:
        signal.signal(signal.SIGTERM, _exit_once)


def _exit_once(number: int, frame: FrameType | None) -> None:
    # A second SIGTERM must not interrupt the exit.
    signal.signal(signal.SIGTERM, lambda _number, _frame: None)
    raise SystemExit(128 + number)
