"""Charge an amount or a usage to an account or a hold, optionally on behalf of a team's member.

The rate card prices a usage, and the entry keeps the price: for a spend that of now, for a capture that of when its
hold was made. When a repeat arrives, the price may have changed or gone. The first charge counts: a repeat is
recognised by its usage, not by its amount.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from core.tracing.spans import TRACE
from credits.errors import InvalidEntry, KeyConflict
from credits.formatting import plain
from credits.ledger import operations as ledger
from credits.ledger import refusals
from credits.ledger.models import Account, Entry
from credits.ledger.reserved_names import HOLD, MEMBER, PARTIAL, PRICE, USAGE, refuse_reserved_names
from credits.ledger.results import Capture, Spend
from credits.ledger.selectors import find_hold, locate_hold
from credits.rates.errors import InvalidUsage, RatesError
from credits.rates.pricing import price_usage
from credits.spending.team_spending import spend_as_member

Metadata = Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class Usage:
    """The usage of a model or action: quantities by unit."""

    model: str
    quantities: Mapping[str, Decimal]

    def as_metadata(self) -> dict[str, Any]:
        return {
            "model": self.model,
            "quantities": {unit: plain(one) for unit, one in self.quantities.items()},
        }


def spend(
    account_id: UUID,
    charge: Decimal | Usage,
    *,
    key: str,
    reference: str = "",
    metadata: Metadata = None,
    member: UUID | None = None,
) -> Spend:
    """Spend an amount or what a usage costs now, by `ledger.spend`, or `spend_as_member` if a member is named.

    Raises:
        InvalidAmount, InvalidEntry, UnknownAccount, InsufficientCredits, KeyConflict: as `ledger.spend`. InvalidEntry
            also if a member is named for an account that isn't a team's.
        UnknownMember, CapReached: as `spend_as_member`.
        UnknownModel, AmbiguousModel, UnknownUnit, InvalidUsage: as `price_usage`; InvalidUsage also if the usage is
            free, as there is nothing to spend.
    """
    if not isinstance(charge, Usage):
        return _spend(account_id, charge, key, reference, metadata, None, member)
    refuse_reserved_names(metadata)
    try:
        amount, priced = _priced(charge)
        return _spend(account_id, amount, key, reference, metadata, priced, member)
    except (RatesError, KeyConflict):
        named = {} if member is None else {MEMBER: str(member)}
        asked = {**(metadata or {}), USAGE: charge.as_metadata(), **named}
        earlier = _earlier(account_id, key, reference, asked)
        if earlier is None:
            raise
        held = Account.objects.values_list("held", flat=True).get(pk=account_id)
        return Spend(earlier.pk, earlier.version, -earlier.amount, earlier.balance_after, held, repeated=True)


def capture(
    hold_id: UUID,
    charge: Decimal | Usage,
    *,
    key: str,
    close: bool = True,
    metadata: Metadata = None,
    client: UUID | None = None,
) -> Capture:
    """Capture an amount, or what a usage cost when the hold was made, by `ledger.capture`.

    Raises:
        InvalidAmount, InvalidEntry, HoldClosed, InsufficientCredits, KeyConflict: as `ledger.capture`.
        UnknownHold: there is no such hold, or it is another client's.
        UnknownModel, AmbiguousModel, UnknownUnit, InvalidUsage: as `spend`.
    """
    account_id, made_at = locate_hold(hold_id, client)
    if not isinstance(charge, Usage):
        return ledger.capture(account_id, hold_id, charge, key=key, close=close, metadata=metadata)
    refuse_reserved_names(metadata)
    try:
        amount, priced = _priced(charge, made_at)
        return ledger.capture(
            account_id, hold_id, amount, key=key, close=close, metadata=metadata, reserved=priced
        )
    except (RatesError, KeyConflict):
        hold = find_hold(hold_id, client)
        captured = {HOLD: str(hold_id)} if close else {HOLD: str(hold_id), PARTIAL: True}
        asked = {**(metadata or {}), USAGE: charge.as_metadata(), **captured}
        earlier = _earlier(account_id, key, hold.reference, asked)
        if earlier is None:
            raise
        return Capture(
            entry_id=earlier.pk,
            version=earlier.version,
            account_id=account_id,
            amount=-earlier.amount,
            balance_after=earlier.balance_after,
            balance=hold.account.balance,
            held=hold.account.held,
            hold_remaining=hold.remaining,
            repeated=True,
        )


def _spend(
    account_id: UUID,
    amount: Decimal,
    key: str,
    reference: str,
    metadata: Metadata,
    priced: Metadata,
    member: UUID | None,
) -> Spend:
    if member is None:
        return ledger.spend(
            account_id, amount, key=key, reference=reference, metadata=metadata, reserved=priced
        )
    account = Account.objects.filter(pk=account_id).only("team_id").first()
    if account is None:
        raise refusals.unknown_account(account_id)
    if account.team_id is None:
        raise InvalidEntry("Only a team's account has members.", field=MEMBER)
    return spend_as_member(
        account.team_id, member, amount, key=key, reference=reference, metadata=metadata, reserved=priced
    )


def _priced(usage: Usage, at: datetime | None = None) -> tuple[Decimal, Metadata]:
    """Return what the usage costs, and what its entry keeps. Raises InvalidUsage if it is free."""
    price = price_usage(usage.model, usage.quantities, at)
    if not price.amount:
        raise InvalidUsage("This usage is free: there is nothing to spend.", field=USAGE)
    return price.amount, {USAGE: usage.as_metadata(), PRICE: price.as_metadata()}


def _earlier(account_id: UUID, key: str, reference: str, asked: Mapping[str, Any]) -> Entry | None:
    """Return the entry of this key if it was made for the same usage, at whatever price, in whatever trace."""
    entry = Entry.objects.filter(
        account=account_id, key=key, kind=Entry.Kind.SPEND, reference=reference
    ).first()
    if entry is None or PRICE not in entry.metadata:
        return None
    return entry if _as_asked(entry.metadata) == _as_asked(asked) else None


def _as_asked(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Return an entry's metadata without what differs between repeats."""
    return {name: value for name, value in metadata.items() if name not in (PRICE, TRACE)}
