"""Operations on holds: hold credits for work in progress, then capture the cost, or release."""

from __future__ import annotations

import datetime
from typing import cast

from msgspec import UNSET

from accounts.clients.models import Scope
from credits.api.endpoints import Answer, Call, operation
from credits.api.parsing import read_amount, read_id
from credits.api.shapes import (
    Captured,
    CaptureRequest,
    Held,
    HoldRequest,
    HoldState,
    ReleaseRequest,
)
from credits.api.spends import RATES, read_charge, standing_after
from credits.errors import (
    AccountClosed,
    HoldClosed,
    InsufficientCredits,
    KeyConflict,
    SumTooLarge,
    UnknownAccount,
    UnknownHold,
)
from credits.formatting import plain
from credits.ledger import operations as ledger
from credits.ledger.holds import Overrun
from credits.ledger.models import Hold
from credits.ledger.selectors import Balance, find_hold, locate_hold
from credits.spending import charging


@operation(
    "POST",
    Scope.SPEND,
    Held,
    takes=HoldRequest,
    status=201,
    refuses=(InsufficientCredits, UnknownAccount, AccountClosed, KeyConflict),
)
def hold_credits(call: Call, asked: HoldRequest) -> Answer:
    """Hold credits

    Reserves credits until they are captured or released, or `expires_in` seconds have passed (an hour by default). Only
    your client can use the hold, and clients with the scope `act_for_others`.
    """
    call.count_write(asked.account)
    opened = ledger.hold(
        asked.account,
        read_amount(asked.amount, "amount"),
        key=call.business_key(call.key),
        expires_in=datetime.timedelta(seconds=asked.expires_in),
        overrun=asked.overrun,
        reference=asked.reference,
        metadata=asked.metadata,
        client=call.client.id,
    )
    standing = Balance(asked.account, opened.balance, opened.held)
    body = Held(
        id=opened.id,
        account=asked.account,
        amount=plain(opened.amount),
        expires_at=opened.expires_at,
        overrun=asked.overrun,
        reference=asked.reference,
        balance=plain(standing.balance),
        available=plain(standing.available),
        held=plain(standing.held),
    )
    return Answer(body, standing, opened.repeated)


@operation(
    "POST",
    Scope.SPEND,
    Captured,
    takes=CaptureRequest,
    status=201,
    refuses=(InsufficientCredits, UnknownHold, HoldClosed, KeyConflict, SumTooLarge, *RATES),
)
def capture_hold(call: Call, asked: CaptureRequest, hold: str) -> Answer:
    """Capture a hold

    Charges what the work cost and releases the rest, unless `close` is false. An amount above the hold is taken from
    the balance; if that doesn't cover it, it becomes debt or is refused, as the hold's `overrun` says. A usage is
    priced as of the hold's creation.
    """
    hold_id = read_id(hold, UnknownHold)
    call.turn.wait_at_account_of(lambda: locate_hold(hold_id)[0])
    captured = charging.capture(
        hold_id,
        read_charge(asked),
        key=call.business_key(call.key),
        close=asked.close,
        metadata=asked.metadata,
        client=call.bound_to,
    )
    standing = standing_after(
        captured.account_id, captured.balance, captured.held, repeated=captured.repeated
    )
    body = Captured(
        id=captured.entry_id,
        hold=hold_id,
        account=captured.account_id,
        amount=plain(captured.amount),
        balance_after=plain(captured.balance_after),
        available=plain(standing.available),
        held=plain(standing.held),
        hold_remaining=plain(captured.hold_remaining),
    )
    return Answer(body, standing, captured.repeated)


@operation("POST", Scope.SPEND, HoldState, takes=ReleaseRequest, refuses=(UnknownHold, HoldClosed))
def release_hold(call: Call, asked: ReleaseRequest, hold: str) -> Answer:
    """Release a hold

    A hold is released once; repeats with any key return the same response. The body is empty or `{}`.
    """
    hold_id = read_id(hold, UnknownHold)
    call.turn.wait_at_account_of(lambda: locate_hold(hold_id)[0])
    account_id, _made_at = locate_hold(hold_id, call.bound_to)
    released = ledger.release(account_id, hold_id)
    standing = Balance(released.account_id, released.balance, released.held)
    return Answer(_state(find_hold(hold_id)), standing, released.repeated)


@operation("GET", Scope.READ, HoldState, refuses=(UnknownHold,))
def read_hold(call: Call, hold: str) -> Answer:
    """Get a hold"""
    return Answer(_state(find_hold(read_id(hold, UnknownHold), call.bound_to)))


def _state(hold: Hold) -> HoldState:
    return HoldState(
        id=hold.pk,
        account=hold.account_id,
        status=Hold.Status(hold.status),
        amount=plain(hold.amount),
        captured=plain(hold.captured),
        remaining=plain(hold.remaining),
        overrun=cast(Overrun, hold.overrun),
        reference=hold.reference,
        metadata=hold.metadata,
        created_at=hold.created_at,
        expires_at=hold.expires_at,
        closed_at=hold.closed_at or UNSET,
    )
