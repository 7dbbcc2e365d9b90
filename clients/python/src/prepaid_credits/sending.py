"""Send the spends of a batch until the outcome of each is known."""

from __future__ import annotations

import logging
import re
import threading
import time
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any
from uuid import uuid4

from prepaid_credits.errors import (
    ApiError,
    CreditsError,
    InsufficientCredits,
    InvalidRequest,
    KeyConflict,
    UnexpectedAnswer,
    UnknownAccount,
)
from prepaid_credits.queued import Outcome, QueuedSpend
from prepaid_credits.transport import Request, Transport
from prepaid_credits.values import Spent

logger = logging.getLogger("prepaid_credits")

PATH = "/api/v1/credits/spends/batch"
# Statuses that concern the content, not the client or the service.
WRONG_CONTENT = (400, 413, 422)
ITEM = re.compile(r"spends\.(\d+)(\.|$)")

Report = Callable[[Sequence[tuple[QueuedSpend, Outcome]]], None]


class Sender:
    """Send spends and report their outcomes to ``report``. Once ``closing`` is set, give up at ``give_up_at``."""

    def __init__(self, transport: Transport, report: Report, closing: threading.Event) -> None:
        self._transport = transport
        self._report = report
        self._closing = closing
        self.give_up_at = float("inf")

    def send(self, spends: Sequence[QueuedSpend]) -> bool:
        """Send until all outcomes are known; return False if time runs out first.

        Every failure that doesn't concern the spends themselves is retried, even a disabled client: staff may enable
        it again.
        """
        failures = 0
        while spends:
            try:
                outcomes = self._post(spends)
            except ApiError as error:
                if error.status in WRONG_CONTENT:
                    return self._send_around(spends, error)
                problem: Exception = error
            except Exception as error:  # noqa: BLE001 - no error may end the thread and lose these spends
                problem = error
            else:
                self._report(outcomes)
                return True
            failures += 1
            if not self._wait(failures, problem):
                return False
        return True

    def _post(self, spends: Sequence[QueuedSpend]) -> list[tuple[QueuedSpend, Outcome]]:
        body = b'{"spends": [' + b", ".join(spend.body for spend in spends) + b"]}"
        answer = self._transport.send(Request("POST", PATH, body, key=str(uuid4())))
        results = answer.document["results"]
        return [(spend, read_result(spend, result)) for spend, result in zip(spends, results, strict=True)]

    def _send_around(self, spends: Sequence[QueuedSpend], error: ApiError) -> bool:
        """Refuse the spends that the API finds invalid and send the others; if it names none, bisect."""
        named = set(_named_items(error)) if len(spends) > 1 else {0}
        if not named:
            half = len(spends) // 2
            return self.send(spends[:half]) and self.send(spends[half:])
        self._report(
            [(spend, _refused(spend, error)) for index, spend in enumerate(spends) if index in named]
        )
        return self.send([spend for index, spend in enumerate(spends) if index not in named])

    def _wait(self, failures: int, problem: Exception) -> bool:
        logger.warning("Spends could not be sent, attempt %d: %r", failures, problem)
        is_passing = isinstance(problem, CreditsError) and problem.is_passing
        retry_after_s = problem.retry_after_s if isinstance(problem, CreditsError) else None
        delay_s = self._transport.retrying.delay_s(failures, retry_after_s)
        if not self._closing.is_set():
            # Closing wakes it, to try at once.
            self._closing.wait(delay_s)
            return True
        if not is_passing or time.monotonic() + delay_s > self.give_up_at:
            return False
        time.sleep(delay_s)
        return True


def read_result(spend: QueuedSpend, result: dict[str, Any]) -> Outcome:
    """Return the outcome of one spend. Raises UnexpectedAnswer for an unknown status."""
    status = result["status"]
    if status in ("done", "repeated"):
        spent = Spent.read(result, key=spend.key, repeated=status == "repeated")
        return Outcome(spend.key, spend.account, spend.amount, spent)
    if status == "insufficient":
        missing = Decimal(result["missing"])
        problem = {"account": spend.account, "missing": missing, "available": spend.amount - missing}
        detail = f"{missing} credits are missing."
        return _refused(spend, InsufficientCredits(402, "insufficient_credits", detail, problem))
    if status == "conflict":
        detail = "The key was already used for another spend."
        return _refused(spend, KeyConflict(409, "key_conflict", detail))
    if status == "unknown_account":
        return _refused(spend, UnknownAccount(404, "unknown_account", "No such account."))
    raise UnexpectedAnswer(f"A spend of a batch has the unknown status {status!r}.")


def _refused(spend: QueuedSpend, error: ApiError) -> Outcome:
    error.key = spend.key
    return Outcome(spend.key, spend.account, spend.amount, error=error)


def _named_items(error: ApiError) -> list[int]:
    fields = error.fields if isinstance(error, InvalidRequest) else ()
    return [int(found[1]) for field in fields if (found := ITEM.match(field.attr))]
