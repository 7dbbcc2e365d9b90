"""Raise the typed error for each failure that the database's functions return."""

from __future__ import annotations

from decimal import Decimal
from uuid import UUID

from credits.errors import AccountClosed, InsufficientCredits, KeyConflict, UnknownAccount, UnknownHold


def unknown_account(account_id: UUID) -> UnknownAccount:
    return UnknownAccount("There is no such account.", account=str(account_id))


def unknown_hold(hold_id: UUID) -> UnknownHold:
    """Return the same error for no hold and for another client's, so as not to reveal which it is."""
    return UnknownHold("There is no such hold, or another client made it.", hold=str(hold_id))


def account_closed(account_id: UUID) -> AccountClosed:
    return AccountClosed("This account is closed.", account=str(account_id))


def conflict(account_id: UUID, key: str) -> KeyConflict:
    return KeyConflict("This key was already used for something else.", account=str(account_id), key=key)


def insufficient(
    account_id: UUID, amount: Decimal, missing: Decimal, balance: Decimal, held: Decimal | None
) -> InsufficientCredits:
    return InsufficientCredits(
        f"{missing.normalize():f} more credits are needed.",
        account=account_id,
        amount=amount,
        missing=missing,
        balance=balance,
        held=held,
    )
