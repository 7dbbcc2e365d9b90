"""The plain ledger as the machine drives it: how an operation went, and all of its books, in comparable words."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from credits.errors import LedgerError, SumTooLarge
from tests.credits.plain_books import Account, Booked, Entry, Item
from tests.credits.plain_ledger import PlainLedger
from tests.credits.real_books import Books, Outcome, about


def perform(plain: PlainLedger, operation: str, arguments: Mapping[str, Any]) -> tuple[PlainLedger, Outcome]:
    """The ledger after the operation, and how it went."""
    after = deepcopy(plain)
    try:
        answer = getattr(after, operation)(**arguments)
    except (
        SumTooLarge
    ) as refusal:  # alone of all refusals it undoes what came before it, such as the end of a hold
        return plain, _refused(plain, operation, arguments, refusal)
    except LedgerError as refusal:
        return after, _refused(after, operation, arguments, refusal)
    return after, _told(after, operation, arguments, answer)


def _refused(
    plain: PlainLedger, operation: str, arguments: Mapping[str, Any], refusal: LedgerError
) -> Outcome:
    name = type(refusal).__name__
    if name != "InsufficientCredits":
        return (name, refusal.params.get("status"))
    account = _account_of(plain, arguments)
    held = None if operation in ("transfer", "undo") else account.held
    return (name, refusal.params["missing"], account.balance, held)


def _account_of(plain: PlainLedger, arguments: Mapping[str, Any]) -> Account:
    if "hold" in arguments:
        return plain.accounts[plain.holds[arguments["hold"]].account]
    return plain.accounts[arguments.get("name") or arguments["giver"]]


def _told(plain: PlainLedger, operation: str, arguments: Mapping[str, Any], answer: Any) -> Outcome:
    if operation == "spend_many":
        return tuple(_item(item) for item in answer)
    if operation in ("expire_holds", "expire_lots", "close"):
        return (answer,)
    if operation == "claw_back":
        return (*answer, _account_of(plain, arguments).balance)
    if operation == "transfer":
        sent, received = answer
        return (_place(sent.entry), _place(received), sent.entry.balance_after, sent.repeated)
    account = _account_of(plain, arguments)
    if operation == "hold":
        hold, repeated = answer
        return (hold.number, hold.amount, account.balance, account.held, repeated)
    if operation == "release":
        released, repeated = answer
        return (released, account.balance, account.held, repeated)
    return _told_of_an_entry(plain, operation, arguments, answer)


def _told_of_an_entry(
    plain: PlainLedger, operation: str, arguments: Mapping[str, Any], booked: Booked
) -> Outcome:
    account = _account_of(plain, arguments)
    entry = booked.entry
    told: dict[str, Outcome] = {
        "grant": (entry.balance_after,),
        "spend": (entry.balance_after, account.held),
        "capture": (entry.balance_after, account.balance, account.held, *_remaining(plain, arguments)),
        "undo": (entry.amount, entry.balance_after),
    }
    return (_place(entry), *told[operation], booked.repeated)


def _remaining(plain: PlainLedger, arguments: Mapping[str, Any]) -> Outcome:
    return (plain.holds[arguments["hold"]].remaining,) if "hold" in arguments else ()


def _item(item: Item) -> Outcome:
    if item.outcome in ("unknown_account", "conflict"):
        return (item.outcome,)
    entry = _place(item.entry) if item.entry else None
    return (item.outcome, entry, item.missing, item.balance_after, item.held)


def _place(entry: Entry) -> tuple[str, int]:
    return entry.account, entry.version


def books_of(plain: PlainLedger) -> Books:
    """Everything that the ledger has written, as `RealBooks.books` has it of the real one."""
    return {
        "accounts": {
            name: [account.balance, account.held, account.debt, len(account.entries), account.closed]
            for name, account in plain.accounts.items()
        },
        "lots": {
            lot.number: [
                lot.account,
                lot.amount,
                lot.remaining,
                lot.held,
                lot.promotional,
                *(lot.cost[:2] if lot.cost else (None, "")),
                lot.cost[2] if lot.cost and lot.origin is not None else None,
                lot.origin,
                lot.reference,
                about(lot.expires_at),
            ]
            for lot in plain.lots
        },
        "entries": {
            (name, entry.version): [
                entry.kind,
                entry.amount,
                entry.balance_after,
                entry.owed,
                entry.reference,
                dict(entry.movements),
                entry.key,
                entry.metadata,
            ]
            for name, account in plain.accounts.items()
            for entry in account.entries
        },
        "holds": {
            hold.number: [
                hold.account,
                hold.key,
                hold.amount,
                hold.remaining,
                hold.captured,
                hold.status,
                hold.overrun,
                hold.reference,
                hold.pinned,
            ]
            for hold in plain.holds
        },
        "clawbacks": {
            claim.name: [
                lot,
                claim.kind,
                claim.policy,
                claim.amount,
                claim.taken,
                claim.pending,
                claim.owed,
                claim.waived,
            ]
            for lot, claims in plain.claims.items()
            for claim in claims
        },
    }
