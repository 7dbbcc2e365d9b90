"""Sends the spends of a batch until the outcome of each is known."""

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
# Statuses that say something about what was sent, and not about who sent it or how the service is.
WRONG_CONTENT = (400, 413, 422)
ITEM = re.compile(r"spends\.(\d+)(\.|$)")

Settle = Callable[[Sequence[tuple[QueuedSpend, Outcome]]], None]


class Sender:
    """``settle`` is told how each spend went. ``closing``: from then on it hurries, and ends by ``give_up_at``."""

    def __init__(self, transport: Transport, settle: Settle, closing: threading.Event) -> None:
        self._transport = transport
        self._settle = settle
        self._closing = closing
        self.give_up_at = float("inf")

    def send(self, spends: Sequence[QueuedSpend]) -> bool:
        """False: the time was over before the outcome of all was known.

        Everything that is not about the spends themselves is tried again, also a client that was switched off: staff
        may switch it on again, and the spends are not to blame.
        """
        failures = 0
        while spends:
            try:
                outcomes = self._post(spends)
            except ApiError as error:
                if error.status in WRONG_CONTENT:
                    return self._send_around(spends, error)
                problem: Exception = error
            except Exception as error:  # noqa: BLE001 - whatever it is, these spends must not be lost with the thread
                problem = error
            else:
                self._settle(outcomes)
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
        """Refuses the spends that the API finds wrong and sends the others; where it names none, looks by halves."""
        named = set(_named_items(error)) if len(spends) > 1 else {0}
        if not named:
            half = len(spends) // 2
            return self.send(spends[:half]) and self.send(spends[half:])
        self._settle(
            [(spend, _refused(spend, error)) for place, spend in enumerate(spends) if place in named]
        )
        return self.send([spend for place, spend in enumerate(spends) if place not in named])

    def _wait(self, failures: int, problem: Exception) -> bool:
        logger.warning("Spends could not be sent, attempt %d: %r", failures, problem)
        is_passing = isinstance(problem, CreditsError) and problem.is_passing
        retry_after_s = problem.retry_after_s if isinstance(problem, CreditsError) else None
        delay_s = self._transport.retrying.delay_s(failures, retry_after_s)
        if not self._closing.is_set():
            # Woken by the closing it tries at once.
            self._closing.wait(delay_s)
            return True
        if not is_passing or time.monotonic() + delay_s > self.give_up_at:
            return False
        time.sleep(delay_s)
        return True


def read_result(spend: QueuedSpend, result: dict[str, Any]) -> Outcome:
    """What the API says of one spend. Raises UnexpectedAnswer for a status that is not known here."""
    status = result["status"]
    if status in ("done", "repeated"):
        spent = Spent.read(result, spend.key, repeated=status == "repeated")
        return Outcome(spend.key, spend.account, spend.amount, spent)
    if status == "insufficient":
        missing = Decimal(result["missing"])
        problem = {"account": spend.account, "missing": missing, "available": spend.amount - missing}
        detail = f"{missing} credits are missing."
        return _refused(spend, InsufficientCredits(402, "insufficient_credits", detail, problem))
    if status == "conflict":
        detail = "The key stands for another spend already."
        return _refused(spend, KeyConflict(409, "key_conflict", detail))
    if status == "unknown_account":
        return _refused(spend, UnknownAccount(404, "unknown_account", "There is no such account."))
    raise UnexpectedAnswer(f"A spend of a batch has the unknown status {status!r}.")


def _refused(spend: QueuedSpend, error: ApiError) -> Outcome:
    error.key = spend.key
    return Outcome(spend.key, spend.account, spend.amount, error=error)


def _named_items(error: ApiError) -> list[int]:
    fields = error.fields if isinstance(error, InvalidRequest) else ()
    return [int(found[1]) for field in fields if (found := ITEM.match(field.attr))]
