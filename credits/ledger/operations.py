"""Write the ledger; nothing else does.

Each operation is one SQL statement that calls one database function (`credits/ledger/sql/`): it locks the
account, looks up the business key, writes, and answers, in one round trip. Each is idempotent by its key: the same key
and arguments give the first result again; other arguments raise `KeyConflict`. Call them inside the transaction of the
fact that they book, so that fact and credits commit together.

The operations of `credits.ledger.holds`, `credits.ledger.clawbacks`, `credits.ledger.endings` and
`credits.ledger.escrow` are offered here too.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

from accounts.models import User
from accounts.teams.models import Team
from core.database.statements import call
from credits.amounts import positive_amount
from credits.errors import InvalidEntry, TooFresh, TooManyItems
from credits.ledger import refusals
from credits.ledger.arguments import checked_text, entry_json
from credits.ledger.bounds import call_within_bounds
from credits.ledger.clawbacks import Claim, claw_back
from credits.ledger.counting import counted, counting_errors
from credits.ledger.endings import close, undo, undo_amount
from credits.ledger.escrow import begin_lifetime, open_escrow
from credits.ledger.holds import capture, expire_holds, hold, release
from credits.ledger.models import Account, Entry
from credits.ledger.results import Grant, Outcome, Spend, SpendOrder, SpendResult, Transfer

__all__ = [
    "Claim",
    "Cost",
    "SpendOrder",
    "begin_lifetime",
    "capture",
    "claw_back",
    "close",
    "expire_holds",
    "expire_lots",
    "grant",
    "hold",
    "open_account",
    "open_escrow",
    "open_team_account",
    "release",
    "spend",
    "spend_many",
    "transfer",
    "undo",
    "undo_amount",
]

MOST_ITEMS = 1000

Metadata = Mapping[str, Any] | None


@dataclass(frozen=True)
class Cost:
    """The price paid for a lot, in the currency's minor units, and its ISO 4217 code in lower case."""

    minor: int
    currency: str


def open_account(owner: User) -> Account:
    """Return the owner's account; open it if there is none. Concurrent calls return the same account."""
    account, _created = Account.objects.get_or_create(owner=owner)
    return account


def open_team_account(team: Team) -> Account:
    """Return the team's account; open it if there is none."""
    account, _created = Account.objects.get_or_create(team=team)
    return account


def grant(
    account_id: UUID,
    amount: Decimal,
    *,
    kind: Entry.Kind,
    key: str,
    reference: str = "",
    metadata: Metadata = None,
    cost: Cost | None = None,
    promotional: bool = False,
    expires_at: datetime.datetime | None = None,
) -> Grant:
    """Add ``amount`` credits to the account as one new lot, once per ``key``. They pay off debt immediately.

    Raises:
        InvalidAmount: see `positive_amount`.
        InvalidEntry: a key, reference or metadata that can't be stored, or a promotional grant with a cost.
        UnknownAccount: there is no such account.
        AccountClosed: its user was erased or its team deleted.
        KeyConflict: ``key`` was used for a grant with another amount, kind, cost, expiry or reference.
        SumTooLarge: the account would have 10^18 credits or more.
    """
    if promotional and cost is not None:
        raise InvalidEntry("Promotional credits have no cost.")
    arguments = [
        account_id,
        positive_amount(amount),
        kind.value,
        checked_text("key", key, required=True),
        checked_text("reference", reference),
        entry_json(metadata),
        promotional,
        cost.minor if cost else None,
        cost.currency if cost else "",
        expires_at,
    ]
    statement = "SELECT * FROM credits_grant(%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"
    with counting_errors("grant"):
        rows = counted("grant", call_within_bounds(statement, arguments, account=account_id))
    outcome, entry_id, lot_id, balance_after = rows[0]
    if outcome in ("done", "repeated"):
        return Grant(entry_id, lot_id, amount, balance_after, outcome == "repeated")
    if outcome == "closed":
        raise refusals.account_closed(account_id)
    if outcome == "conflict":
        raise refusals.conflict(account_id, key)
    raise refusals.unknown_account(account_id)


def spend(
    account_id: UUID,
    amount: Decimal,
    *,
    key: str,
    reference: str = "",
    metadata: Metadata = None,
    reserved: Metadata = None,
    kind: Entry.Kind = Entry.Kind.SPEND,
) -> Spend:
    """Spend ``amount`` credits of the account, once per ``key``, never more than is available.

    Lots pay in the order of expiry, promotional before paid, older first; a lot past its expiry pays nothing, whether
    the expiry job has run or not. ``reserved`` is added to the caller's ``metadata`` under `reserved_names`.

    Raises:
        InvalidAmount, InvalidEntry: as `grant`.
        UnknownAccount: there is no such account.
        InsufficientCredits: ``missing`` in its params says how many more are needed. Nothing was taken.
        KeyConflict: ``key`` was used for something else in this account.
    """
    amount = positive_amount(amount)
    arguments = [
        account_id,
        amount,
        kind.value,
        checked_text("key", key, required=True),
        checked_text("reference", reference),
        entry_json(metadata, reserved),
    ]
    rows = counted("spend", call("SELECT * FROM credits_spend(%s, %s, %s, %s, %s, %s)", arguments))
    outcome, entry_id, version, balance_after, held, missing = rows[0]
    if outcome in ("done", "repeated"):
        return Spend(entry_id, version, amount, balance_after, held, outcome == "repeated")
    if outcome == "conflict":
        raise refusals.conflict(account_id, key)
    if outcome == "insufficient":
        raise refusals.insufficient(account_id, amount, missing, balance_after, held)
    raise refusals.unknown_account(account_id)


def spend_many(orders: Sequence[SpendOrder]) -> list[SpendResult]:
    """Record up to 1,000 spends, of one account or many, in one statement. Return a result for each, in order, as if
    they were done one by one. Those that fail take nothing and stop no other.

    Raises:
        InvalidAmount, InvalidEntry: one can't be a spend at all (``item`` in its params). Nothing was taken.
        TooManyItems: more than 1,000.
    """
    if len(orders) > MOST_ITEMS:
        raise TooManyItems(
            f"A batch can have at most {MOST_ITEMS:,} spends.", items=len(orders), most=MOST_ITEMS
        )
    if not orders:
        return []
    columns = zip(*(_checked_order(place, order) for place, order in enumerate(orders)), strict=True)
    statement = """
        SELECT outcome, entry_id, balance_after, held, missing
        FROM credits_spend_many(%s::uuid[], %s::numeric[], %s::text[], %s::text[], %s::jsonb[])
        ORDER BY place
    """
    rows = counted("spend", call(statement, [list(column) for column in columns]))
    return [
        SpendResult(Outcome(outcome), order.account_id, order.key, order.amount, *numbers)
        for order, (outcome, *numbers) in zip(orders, rows, strict=True)
    ]


def transfer(
    from_account: UUID,
    to_account: UUID,
    amount: Decimal,
    *,
    key: str,
    reference: str = "",
    metadata: Metadata = None,
    fresh: datetime.timedelta = datetime.timedelta(0),
) -> Transfer:
    """Transfer credits to another account, once per ``key`` of the sender. They keep their expiry, kind, cost and
    origin; credits that came from the receiver return to their own lot. Credits bought less than ``fresh`` ago are not
    transferred. Daily limits are in `credits.gifts`.

    Raises:
        InvalidAmount, UnknownAccount, InsufficientCredits, KeyConflict: as `spend`.
        InvalidEntry: as `grant`, or both accounts are the same.
        AccountClosed: the receiver's.
        TooFresh: the credits are available, but ``missing`` of them were bought too recently.
        SumTooLarge: the receiver would have 10^18 credits or more.
    """
    amount = positive_amount(amount)
    arguments = [
        from_account,
        to_account,
        amount,
        checked_text("key", key, required=True),
        checked_text("reference", reference),
        entry_json(metadata),
        fresh,
    ]
    statement = "SELECT * FROM credits_transfer(%s, %s, %s, %s, %s, %s, %s)"
    rows = counted("transfer", call_within_bounds(statement, arguments, account=to_account))
    outcome, sent, received, balance_after, missing = rows[0]
    if outcome == "same_account":
        raise InvalidEntry("Credits can't be transferred to the same account.", field="to")
    if outcome in ("done", "repeated"):
        return Transfer(sent, received, amount, balance_after, outcome == "repeated")
    if outcome == "conflict":
        raise refusals.conflict(from_account, key)
    if outcome == "insufficient":
        raise refusals.insufficient(from_account, amount, missing, balance_after, None)
    if outcome == "fresh":
        raise TooFresh("These credits were bought too recently to be transferred.", missing=missing)
    if outcome == "closed_receiver":
        raise refusals.account_closed(to_account)
    raise refusals.unknown_account(to_account if outcome == "unknown_receiver" else from_account)


def expire_lots(account_id: UUID) -> int:
    """Book out what the account's expired lots have left and no hold has pinned, one entry each; return how many."""
    expired: int = call("SELECT credits_expire_lots_of(%s)", [account_id])[0][0]
    return expired


def _checked_order(place: int, order: SpendOrder) -> tuple[UUID, Decimal, str, str, str]:
    try:
        return (
            order.account_id,
            positive_amount(order.amount),
            checked_text("key", order.key, required=True),
            checked_text("reference", order.reference),
            entry_json(order.metadata),
        )
    except InvalidEntry as error:
        error.params["item"] = place
        raise
