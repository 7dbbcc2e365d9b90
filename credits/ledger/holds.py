"""Hold credits for work in progress, then capture the cost, or release.

Part of the ledger; call it as `credits.ledger.operations.hold` and so on. A hold pins the lots that will pay, which
pay even if they expire before the work is done. It expires when its time has passed.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from decimal import Decimal
from types import TracebackType
from typing import Any, Literal, Self
from uuid import UUID

from core.database.statements import call
from credits.amounts import positive_amount
from credits.errors import HoldClosed, InvalidEntry
from credits.ledger import refusals
from credits.ledger.arguments import checked_text, entry_json, json_text
from credits.ledger.bounds import call_within_bounds
from credits.ledger.counting import counted
from credits.ledger.models import Hold
from credits.ledger.results import Capture, Release

LONGEST_HOLD = datetime.timedelta(days=30)

OVERDUE = """
    SELECT account_id, id FROM credits_hold WHERE status = 'open' AND expires_at <= clock_timestamp()
    ORDER BY expires_at LIMIT %s
"""

Overrun = Literal["refuse", "debt"]
Metadata = Mapping[str, Any] | None


@dataclass(slots=True)
class HeldCredits:
    """A hold as booked, with the account's figures after it; to work under::

        with ledger.hold(account, Decimal(20), key=job.id, expires_in=HOUR) as held:
            cost = do_the_work()
            held.capture(cost)

    What is not captured when the block ends is released, also on an exception.
    """

    id: UUID
    account_id: UUID
    amount: Decimal
    expires_at: datetime.datetime
    balance: Decimal
    held: Decimal
    repeated: bool
    captures: int = field(default=0, init=False)
    closed: bool = field(default=False, init=False)

    def capture(
        self, amount: Decimal, *, key: str = "", close: bool = True, metadata: Metadata = None
    ) -> Capture:
        """Capture from this hold. By default the key is the capture's number, so a repeat of the block charges once."""
        self.captures += 1
        key = key or f"hold:{self.id}:{self.captures}"
        made = capture(self.account_id, self.id, amount, key=key, close=close, metadata=metadata)
        self.closed = close
        return made

    def release(self) -> Release:
        self.closed = True
        return release(self.account_id, self.id)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if not self.closed:
            # If an earlier run of this block captured it, nothing is left to release.
            with suppress(HoldClosed):
                self.release()


def hold(
    account_id: UUID,
    amount: Decimal,
    *,
    key: str,
    expires_in: datetime.timedelta,
    overrun: Overrun = "refuse",
    reference: str = "",
    metadata: Metadata = None,
    client: UUID | None = None,
) -> HeldCredits:
    """Hold ``amount`` credits, once per ``key``, until they are captured or released or the time has passed.
    ``client`` is the API client that owns the hold; without one, any may use it. If a capture exceeds both the hold
    and the balance, ``overrun`` decides: ``refuse`` leaves the hold as it is, ``debt`` owes the excess.

    Raises:
        InvalidAmount, InvalidEntry, UnknownAccount, InsufficientCredits, KeyConflict: as
            `credits.ledger.operations.spend`.
        InvalidEntry also for a time that is not above zero and within 30 days.
        AccountClosed: its user was erased or its team deleted.
    """
    amount = positive_amount(amount)
    if not datetime.timedelta(0) < expires_in <= LONGEST_HOLD:
        raise InvalidEntry(
            f"A hold can last at most {LONGEST_HOLD.days} days, and must last longer than zero.",
            field="expires_in",
        )
    arguments = [
        account_id,
        amount,
        checked_text("key", key, required=True),
        expires_in,
        Hold.Overrun(overrun).value,
        checked_text("reference", reference),
        json_text(metadata),
        client,
    ]
    rows = counted("hold", call("SELECT * FROM credits_open_hold(%s, %s, %s, %s, %s, %s, %s, %s)", arguments))
    outcome, hold_id, expires_at, balance, held, missing = rows[0]
    if outcome == "insufficient":
        raise refusals.insufficient(account_id, amount, missing, balance, held)
    if outcome == "unknown_account":
        raise refusals.unknown_account(account_id)
    if outcome == "closed":
        raise refusals.account_closed(account_id)
    if outcome == "conflict":
        raise refusals.conflict(account_id, key)
    return HeldCredits(hold_id, account_id, amount, expires_at, balance, held, outcome == "repeated")


def capture(
    account_id: UUID,
    hold_id: UUID,
    amount: Decimal,
    *,
    key: str,
    close: bool = True,
    reference: str | None = None,
    metadata: Metadata = None,
    reserved: Metadata = None,
) -> Capture:
    """Spend ``amount`` on the account's hold, once per ``key``. With ``close`` the rest is released; otherwise it stays
    held for further captures. The entry has the hold's reference by default. ``reserved``: see
    `credits.ledger.operations.spend`. `credits.ledger.selectors.locate_hold` finds the account of a hold.

    An excess over the hold is spent if the balance allows it, else owed if the hold says ``debt``, else refused.

    Raises:
        InvalidAmount, InvalidEntry, KeyConflict: as `credits.ledger.operations.spend`.
        UnknownHold: the account has no such hold.
        HoldClosed: it was captured, released, or its time has passed.
        InsufficientCredits: for the excess; the hold stays as it is.
        SumTooLarge: the account would owe 10^18 credits or more, or as many would be captured of the hold.
    """
    amount = positive_amount(amount)
    arguments = [
        account_id,
        hold_id,
        amount,
        checked_text("key", key, required=True),
        close,
        None if reference is None else checked_text("reference", reference),
        entry_json(metadata, reserved),
    ]
    statement = "SELECT * FROM credits_capture(%s, %s, %s, %s, %s, %s, %s)"
    rows = counted("capture", call_within_bounds(statement, arguments, hold=hold_id))
    outcome, entry_id, version, balance_after, held, remaining, missing, status, balance = rows[0]
    if outcome == "unknown_hold":
        raise refusals.unknown_hold(hold_id)
    if outcome == "closed":
        raise _closed(hold_id, status)
    if outcome == "insufficient":
        raise refusals.insufficient(account_id, amount, missing, balance, held)
    if outcome == "conflict":
        raise refusals.conflict(account_id, key)
    repeated = outcome == "repeated"
    return Capture(
        entry_id, version, account_id, amount, balance_after, balance, held, remaining, repeated=repeated
    )


def release(account_id: UUID, hold_id: UUID) -> Release:
    """Release what the account's hold still holds, if anything.

    Raises:
        UnknownHold: the account has no such hold.
        HoldClosed: it was captured.
    """
    return _release(account_id, hold_id, overdue=False)


def expire_holds(limit: int = 1000) -> int:
    """End up to ``limit`` overdue holds, one by one, the longest overdue first; return how many."""
    overdue = call(OVERDUE, [limit])
    return sum(not _release(account_id, hold_id, overdue=True).repeated for account_id, hold_id in overdue)


def _release(account_id: UUID, hold_id: UUID, *, overdue: bool) -> Release:
    rows = counted(
        "release", call("SELECT * FROM credits_release(%s, %s, %s)", [account_id, hold_id, overdue])
    )
    outcome, released, balance, held, status = rows[0]
    if outcome == "unknown_hold":
        raise refusals.unknown_hold(hold_id)
    if outcome == "closed" and not overdue:
        raise _closed(hold_id, status)
    return Release(hold_id, account_id, released, balance, held, outcome != "done")


def _closed(hold_id: UUID, status: str) -> HoldClosed:
    return HoldClosed(f"This hold is {Hold.Status(status).label.lower()}.", hold=str(hold_id), status=status)
