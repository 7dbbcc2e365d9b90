"""The only writer of the ledger.

Each operation is one SQL statement that calls one function of the database (`credits/migrations/*.sql`): it locks the
account, looks for the business key, writes, and answers, in one round trip. Each is idempotent by its key: the same
key with the same arguments gives the first result again; with other arguments, `KeyConflict`. Call them inside the
transaction of the fact that they book, so that fact and credits commit together.

Holds have a module of their own, `credits.holds`; its operations are part of this one's and offered here.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal
from uuid import UUID

from accounts.models import User
from accounts.teams.models import Team
from config.statements import call
from credits import refusals
from credits.amounts import positive_amount, round_credits
from credits.arguments import checked_text, json_text
from credits.errors import InvalidEntry, NothingToReverse, TooManyItems, UnknownLot
from credits.holds import capture, expire_holds, hold, release
from credits.models import Account, Entry
from credits.results import Grant, Outcome, Restoration, Reversal, Spend, SpendOrder, SpendResult, Transfer

__all__ = [
    "Cost",
    "SpendOrder",
    "capture",
    "expire_holds",
    "expire_lots",
    "grant",
    "hold",
    "open_account",
    "open_team_account",
    "release",
    "restore",
    "reverse",
    "spend",
    "spend_many",
    "transfer",
]

MOST_ITEMS = 1000

Policy = Literal["cap", "debt", "block"]
Metadata = Mapping[str, Any] | None


@dataclass(frozen=True)
class Cost:
    """What was paid for a lot, in the currency's minor units (cents), and its ISO 4217 code in lower case."""

    minor: int
    currency: str


def open_account(owner: User) -> Account:
    """The owner's account, opened when there is none. Two calls at once end at the same account."""
    account, _created = Account.objects.get_or_create(owner=owner)
    return account


def open_team_account(team: Team) -> Account:
    """The team's account, opened when there is none."""
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
    """Puts ``amount`` credits into the account as one new lot, once per ``key``. What the account owes is repaid
    from it first.

    Raises:
        InvalidAmount: see `positive_amount`.
        InvalidEntry: a key, reference or metadata that can't be stored, or a promotional grant with a cost.
        UnknownAccount: there is no such account.
        KeyConflict: ``key`` already stands for a grant with another amount, kind, cost, expiry or reference.
    """
    if promotional and cost is not None:
        raise InvalidEntry("Promotional credits were given away: they have no cost.")
    arguments = [
        account_id,
        positive_amount(amount),
        kind.value,
        checked_text("key", key, required=True),
        checked_text("reference", reference),
        json_text(metadata),
        promotional,
        cost.minor if cost else None,
        cost.currency if cost else "",
        expires_at,
    ]
    rows = call("SELECT * FROM credits_grant(%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)", arguments)
    if not rows:
        raise refusals.unknown_account(account_id)
    entry_id, lot_id, balance_after, repeated, same = rows[0]
    if not same:
        raise refusals.conflict(account_id, key)
    return Grant(entry_id, lot_id, amount, balance_after, repeated)


def spend(
    account_id: UUID,
    amount: Decimal,
    *,
    key: str,
    reference: str = "",
    metadata: Metadata = None,
    kind: Entry.Kind = Entry.Kind.SPEND,
) -> Spend:
    """Takes ``amount`` credits out of the account, once per ``key``, never more than can be spent.

    The lots pay in the order of their expiry, promotional before paid, the older first; a lot past its expiry pays
    nothing, whether the expiry job has run or not.

    Raises:
        InvalidAmount, InvalidEntry: as `grant`.
        UnknownAccount: there is no such account.
        InsufficientCredits: ``missing`` in its params says how many more it takes. Nothing was taken.
        KeyConflict: ``key`` already stands for something else in this account.
    """
    amount = positive_amount(amount)
    arguments = [
        account_id,
        amount,
        kind.value,
        checked_text("key", key, required=True),
        checked_text("reference", reference),
        json_text(metadata),
    ]
    rows = call("SELECT * FROM credits_spend(%s, %s, %s, %s, %s, %s)", arguments)
    outcome, entry_id, version, balance_after, held, missing = rows[0]
    if outcome in ("done", "repeated"):
        return Spend(entry_id, version, amount, balance_after, held, outcome == "repeated")
    if outcome == "conflict":
        raise refusals.conflict(account_id, key)
    if outcome == "insufficient":
        raise refusals.insufficient(account_id, amount, missing, balance_after, held)
    raise refusals.unknown_account(account_id)


def spend_many(orders: Sequence[SpendOrder]) -> list[SpendResult]:
    """Up to 1,000 spends, of one account or many, in one statement: a result for each, in their order, as if each
    had been done by itself after the one before. Those that can't be done take nothing and stop no other.

    Raises:
        InvalidAmount, InvalidEntry: one of them can't be a spend at all (``item`` in its params says which). Nothing
            was taken.
        TooManyItems: more than 1,000.
    """
    if len(orders) > MOST_ITEMS:
        raise TooManyItems(f"A batch has at most {MOST_ITEMS:,} spends.", items=len(orders), most=MOST_ITEMS)
    if not orders:
        return []
    columns = zip(*(_checked_order(place, order) for place, order in enumerate(orders)), strict=True)
    statement = """
        SELECT outcome, entry_id, balance_after, held, missing
        FROM credits_spend_many(%s::uuid[], %s::numeric[], %s::text[], %s::text[], %s::jsonb[])
        ORDER BY place
    """
    rows = call(statement, [list(column) for column in columns])
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
) -> Transfer:
    """Gives credits of one account to another, once per ``key`` of the giver. What arrives keeps its expiry, its kind
    and its share of the cost. Limits per day are not the ledger's: see `credits.gifts`.

    Raises:
        InvalidAmount, UnknownAccount, InsufficientCredits, KeyConflict: as `spend`.
        InvalidEntry: as `grant`, or both accounts are the same.
    """
    amount = positive_amount(amount)
    arguments = [
        from_account,
        to_account,
        amount,
        checked_text("key", key, required=True),
        checked_text("reference", reference),
        json_text(metadata),
    ]
    rows = call("SELECT * FROM credits_transfer(%s, %s, %s, %s, %s, %s)", arguments)
    outcome, sent, received, balance_after, missing = rows[0]
    if outcome == "same_account":
        raise InvalidEntry("Credits can't be given to the account they come from.", field="to")
    if outcome in ("done", "repeated"):
        return Transfer(sent, received, amount, balance_after, outcome == "repeated")
    if outcome == "conflict":
        raise refusals.conflict(from_account, key)
    if outcome == "insufficient":
        raise refusals.insufficient(from_account, amount, missing, balance_after, None)
    raise refusals.unknown_account(to_account if outcome == "unknown_receiver" else from_account)


def reverse(
    account_id: UUID,
    lot_id: int,
    amount: Decimal,
    *,
    key: str,
    policy: Policy,
    kind: Entry.Kind = Entry.Kind.REVERSAL,
    reference: str = "",
    metadata: Metadata = None,
) -> Reversal:
    """Takes credits back from one lot, once per ``key``: first what it has left and no hold has pinned; of the rest
    ``policy`` says whether it stays with the owner (``cap``), is owed (``debt``), or refuses the whole (``block``).

    Raises:
        InvalidAmount, InvalidEntry, KeyConflict: as `grant`.
        UnknownLot: the account has no such lot.
        NothingToReverse: ``block``, and the lot has less left than is asked for.
    """
    amount = positive_amount(amount)
    arguments = [
        account_id,
        lot_id,
        amount,
        kind.value,
        policy,
        checked_text("key", key, required=True),
        checked_text("reference", reference),
        json_text(metadata),
    ]
    rows = call("SELECT * FROM credits_reverse(%s, %s, %s, %s, %s, %s, %s, %s)", arguments)
    outcome, entry_id, _version, taken, owed, balance_after, missing = rows[0]
    if outcome == "unknown_lot":
        raise UnknownLot("The account has no such lot.", account=str(account_id), lot=lot_id)
    if outcome == "insufficient":
        raise NothingToReverse(
            "The lot has less left than is to be taken back.", lot=lot_id, missing=str(missing)
        )
    if outcome == "conflict":
        raise refusals.conflict(account_id, key)
    if outcome == "nothing":
        return Reversal(None, Decimal(0), Decimal(0), balance_after, repeated=False)
    return Reversal(entry_id, taken, owed, balance_after, outcome == "repeated")


def restore(
    account_id: UUID,
    lot_id: int,
    amount: Decimal,
    *,
    owed: Decimal,
    key: str,
    kind: Entry.Kind = Entry.Kind.REVERSAL,
    reference: str = "",
    metadata: Metadata = None,
) -> Restoration:
    """Undoes what `reverse` took back from a lot, or a part of it, once per ``key``. ``owed`` of the ``amount`` (0 to
    all of it) had become debt: it is let off as far as it still is debt. What was repaid meanwhile comes back to the
    lot, as everything else does. A lot that has expired since gets its credits too; nobody can spend them.

    Raises:
        InvalidAmount, InvalidEntry, KeyConflict: as `grant`. InvalidEntry also where the lot never had so many.
        UnknownLot: the account has no such lot.
    """
    amount = positive_amount(amount)
    if not 0 <= owed <= amount:
        raise InvalidEntry("What was owed is a part of what comes back.", field="owed")
    arguments = [
        account_id,
        lot_id,
        amount,
        round_credits(owed),
        kind.value,
        checked_text("key", key, required=True),
        checked_text("reference", reference),
        json_text(metadata),
    ]
    rows = call("SELECT * FROM credits_restore(%s, %s, %s, %s, %s, %s, %s, %s)", arguments)
    outcome, entry_id, _version, let_off, balance_after = rows[0]
    if outcome == "unknown_lot":
        raise UnknownLot("The account has no such lot.", account=str(account_id), lot=lot_id)
    if outcome == "too_much":
        raise InvalidEntry("More than the lot had can't come back to it.", lot=lot_id, amount=str(amount))
    if outcome == "conflict":
        raise refusals.conflict(account_id, key)
    return Restoration(entry_id, amount, let_off, balance_after, outcome == "repeated")


def expire_lots(account_id: UUID) -> int:
    """Takes out what the account's expired lots have left and no hold has pinned: one entry for each. How many."""
    expired: int = call("SELECT credits_expire_lots_of(%s)", [account_id])[0][0]
    return expired


def _checked_order(place: int, order: SpendOrder) -> tuple[UUID, Decimal, str, str, str]:
    try:
        return (
            order.account_id,
            positive_amount(order.amount),
            checked_text("key", order.key, required=True),
            checked_text("reference", order.reference),
            json_text(order.metadata),
        )
    except InvalidEntry as error:
        error.params["item"] = place
        raise
