"""Accounts with books to test with."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

from django.db import connection

from credits.ledger import operations as ledger
from credits.ledger.holds import HeldCredits
from credits.ledger.models import Account, Clawback, Entry, Hold, Lot
from credits.ledger.results import Capture, Clawed, Grant, Spend
from tests.support.builders import UserFactory


def open_account(**user: Any) -> Account:
    return ledger.open_account(UserFactory.create(**user))


def grant(
    account: Account, amount: str | int | Decimal = 100, *, key: str = "fact:1", **arguments: Any
) -> Grant:
    arguments.setdefault("kind", Entry.Kind.PURCHASE)
    return ledger.grant(account.pk, Decimal(amount), key=key, **arguments)


def funded(amount: str | int = 100, **arguments: Any) -> Account:
    """An account with one grant."""
    account = open_account()
    grant(account, amount, key="funds", **arguments)
    return account


def spend(account: Account, amount: str | int | Decimal, *, key: str = "work:1", **arguments: Any) -> Spend:
    return ledger.spend(account.pk, Decimal(amount), key=key, **arguments)


def hold(account: Account, amount: str | int, *, key: str = "hold:1", **arguments: Any) -> HeldCredits:
    arguments.setdefault("expires_in", timedelta(hours=1))
    return ledger.hold(account.pk, Decimal(amount), key=key, **arguments)


def claim(amount: str | int | Decimal, policy: str = "cap", **more: Any) -> ledger.Claim:
    """A refund that happened now, unless told otherwise."""
    more = {"id": uuid4(), "at": datetime.now(UTC), "kind": Clawback.Kind.REFUND, **more}
    return ledger.Claim(policy=Clawback.Policy(policy), amount=Decimal(amount), **more)


def claw_back(
    account: Account, *claims: ledger.Claim, lot: int | None = None, kind: Entry.Kind = Entry.Kind.REFUND
) -> Clawed:
    """From the account's first lot, unless told another. These claims stand, and no others."""
    lot = account.lots.earliest("id").pk if lot is None else lot
    return ledger.claw_back(account.pk, lot, claims, kind=kind)


def clawback_of(claim: ledger.Claim) -> tuple[Any, ...]:
    """What was taken for a claim, is pending, owed and waived. Untyped: it is compared with plain numbers."""
    row = Clawback.objects.get(pk=claim.id)
    return row.taken, row.pending, row.owed, row.waived


def soon(**later: float) -> datetime:
    return datetime.now(UTC) + timedelta(**later)


@contextmanager
def no_triggers() -> Iterator[None]:
    """As a restore or a replica writes: no trigger and no foreign key is looked at."""
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute("SET session_replication_role = origin")


def let_lot_expire(lot_id: int) -> None:
    """Its time has passed a second ago; no job has run."""
    Lot.objects.filter(pk=lot_id).update(expires_at=soon(seconds=-1))


def let_hold_run_out(held: HeldCredits) -> None:
    """Its time has passed a second ago; no job has run."""
    Hold.objects.filter(pk=held.id).update(expires_at=soon(seconds=-1))


def numbers(account: Account) -> tuple[Decimal | int, ...]:
    """Balance, held and debt as they stand in the books."""
    account.refresh_from_db()
    return account.balance, account.held, account.debt


def balance(account: Account) -> Decimal | int:
    return numbers(account)[0]


def left(account: Account) -> list[Decimal | int]:
    """What each lot of the account has left, the oldest first."""
    return list(account.lots.order_by("id").values_list("remaining", flat=True))


def capture(held: HeldCredits, amount: str | int, *, key: str = "done:1", **arguments: Any) -> Capture:
    return ledger.capture(held.account_id, held.id, Decimal(amount), key=key, **arguments)
