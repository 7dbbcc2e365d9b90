"""What the ledger answers. ``repeated``: this call found it in the books and changed nothing."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Grant:
    """A grant as it stands in the books."""

    entry_id: int
    lot_id: int
    amount: Decimal
    balance_after: Decimal
    repeated: bool


@dataclass(frozen=True, slots=True)
class Spend:
    """A spend as it stands in the books. ``held`` is what the account holds now."""

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
    """How one item of a batch went."""

    DONE = "done"
    REPEATED = "repeated"
    INSUFFICIENT = "insufficient"
    CONFLICT = "conflict"
    UNKNOWN_ACCOUNT = "unknown_account"


@dataclass(frozen=True, slots=True)
class SpendResult:
    """How one item of `spend_many` went. ``entry_id`` is there when it is in the books; ``missing`` is what lacked."""

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
    """A capture as it stands in the books; ``hold_remaining`` is what its hold still holds, ``held`` the account.
    ``balance`` is what the account has now: of what the hold set free, a clawback may have taken some at once.
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
    """What a hold gave back; nothing when it held nothing any more."""

    hold_id: UUID
    account_id: UUID
    released: Decimal
    balance: Decimal
    held: Decimal
    repeated: bool


@dataclass(frozen=True, slots=True)
class Clawed:
    """What a change of a lot's clawbacks booked: credits ``taken`` and ``owed`` more than before; below zero they came
    back, or are owed no more. Without an entry nothing changed.
    """

    entry_id: int | None
    taken: Decimal
    owed: Decimal
    balance: Decimal


@dataclass(frozen=True, slots=True)
class Undone:
    """An adjustment that was undone: ``amount`` was given back, or below zero taken back."""

    entry_id: int
    amount: Decimal
    balance_after: Decimal
    repeated: bool


@dataclass(frozen=True, slots=True)
class Transfer:
    """A gift: one entry in each account. ``balance_after`` is the giver's."""

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


@dataclass(frozen=True, slots=True)
class OpenedHold:
    """A hold as it stands in the books, with the account's numbers after it."""

    id: UUID
    account_id: UUID
    amount: Decimal
    expires_at: datetime.datetime
    balance: Decimal
    held: Decimal
    repeated: bool
