"""Undo adjustments and close accounts. Part of the ledger; offered by `credits.ledger`."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any
from uuid import UUID

from core.database.statements import call
from credits.errors import NothingToUndo
from credits.ledger import refusals
from credits.ledger.arguments import checked_text, entry_json
from credits.ledger.bounds import call_within_bounds
from credits.ledger.results import Undone


def undo_amount(account_id: UUID, entry_id: int) -> Decimal:
    """Return what undoing an adjustment's entry would book now: negative for what it added, less what of that has
    expired or staff have removed since; positive for what it removed.

    Raises:
        NothingToUndo: the account has no such adjustment.
    """
    amount: Decimal | None = call("SELECT credits_undo_amount(%s, %s)", [account_id, entry_id])[0][0]
    if amount is None:
        raise NothingToUndo("There is no such adjustment.", account=str(account_id))
    return amount


def undo(
    account_id: UUID,
    entry_id: int,
    amount: Decimal,
    *,
    key: str,
    reference: str = "",
    metadata: Mapping[str, Any] | None = None,
) -> Undone:
    """Undo an adjustment's entry, once per ``key``. What it added is taken from its own lot first, then in the order
    of spending; what it removed is restored to the lots it came from. ``amount`` is the result of `undo_amount`.

    Raises:
        NothingToUndo: there is no such entry, or the amount has changed or is 0.
        InsufficientCredits: what it added was spent, and the account has too few other credits.
        AccountClosed: its user was erased or its team deleted.
        InvalidEntry, KeyConflict, SumTooLarge: as `credits.ledger.operations.grant`.
    """
    arguments = [
        account_id,
        entry_id,
        amount,
        checked_text("key", key, required=True),
        checked_text("reference", reference),
        entry_json(metadata),
    ]
    statement = "SELECT * FROM credits_undo(%s, %s, %s, %s, %s, %s)"
    rows = call_within_bounds(statement, arguments, account=account_id)
    outcome, booked, balance_after, missing = rows[0]
    if outcome == "conflict":
        raise refusals.conflict(account_id, key)
    if outcome == "closed":
        raise refusals.account_closed(account_id)
    if outcome == "insufficient":
        raise refusals.insufficient(account_id, -amount, missing, balance_after, None)
    if outcome in ("changed", "unknown_entry"):
        raise NothingToUndo(
            "The credits this adjustment moved have since changed.", account=str(account_id), entry=entry_id
        )
    return Undone(booked, amount, balance_after, outcome == "repeated")


def close(account_id: UUID) -> Decimal:
    """Close an account for good, idempotently: forfeit what is available, now and later. Return how much now."""
    forfeited: Decimal = call("SELECT credits_close(%s)", [account_id])[0][0]
    return forfeited
