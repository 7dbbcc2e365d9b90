"""Results of the ledger's operations. ``repeated``: it was booked before and this call changed nothing."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Grant:
    """A grant as booked."""

    entry_id: int
    lot_id: int
    amount: Decimal
    balance_after: Decimal
    repeated: bool


@dataclass(frozen=True, slots=True)
class Spend:
    """A spend as booked. ``held`` is what the account holds now."""

    entry_id: int
    version: int
    amount: Decimal
    balance_after: Decimal
    held: Decimal
    repeated: bool

    @property
    def available(self) -> Decimal:
        return self.balance_after - self.held


class Outcome(StrEnum):
    """The outcome of one item of a batch."""

    DONE = "done"
    REPEATED = "repeated"
    INSUFFICIENT = "insufficient"
    CONFLICT = "conflict"
    UNKNOWN_ACCOUNT = "unknown_account"


@dataclass(frozen=True, slots=True)
class SpendResult:
    """The result of one item of `spend_many`. ``entry_id`` is set if it is booked; ``missing`` is what lacked."""

    outcome: Outcome
    account_id: UUID
    key: str
    amount: Decimal
    entry_id: int | None
    balance_after: Decimal | None
    held: Decimal | None
    missing: Decimal


@dataclass(frozen=True, slots=True)
class Capture:
    """A capture as booked; ``hold_remaining`` is what its hold still holds, ``held`` what the account does.
    ``balance`` is the current one: a clawback may have taken some of what the hold freed.
    """

    entry_id: int
    version: int
    account_id: UUID
    amount: Decimal
    balance_after: Decimal
    balance: Decimal
    held: Decimal
    hold_remaining: Decimal
    repeated: bool


@dataclass(frozen=True, slots=True)
class Release:
    """A released hold; ``released`` is 0 if it held nothing any more."""

    hold_id: UUID
    account_id: UUID
    released: Decimal
    balance: Decimal
    held: Decimal
    repeated: bool


@dataclass(frozen=True, slots=True)
class Clawed:
    """The effect of a change of a lot's clawbacks: credits ``taken`` and ``owed`` more than before; if negative,
    restored or no longer owed. Without an entry nothing changed.
    """

    entry_id: int | None
    taken: Decimal
    owed: Decimal
    balance: Decimal


@dataclass(frozen=True, slots=True)
class Undone:
    """An undone adjustment: ``amount`` was restored, or if negative removed."""

    entry_id: int
    amount: Decimal
    balance_after: Decimal
    repeated: bool


@dataclass(frozen=True, slots=True)
class Transfer:
    """A transfer: one entry in each account. ``balance_after`` is the sender's."""

    sent_entry_id: int
    received_entry_id: int
    amount: Decimal
    balance_after: Decimal
    repeated: bool


@dataclass(frozen=True, slots=True)
class SpendOrder:
    """One item of `spend_many`."""

    account_id: UUID
    amount: Decimal
    key: str
    reference: str = ""
    metadata: dict[str, object] | None = None
