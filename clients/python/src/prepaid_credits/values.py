"""What the API answers, as values. Credits are decimals; a field that an answer lacks is a KeyError, not a guess."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Self

Document = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Balance:
    """``balance`` is all credits, ``held`` those set aside, ``available`` what can be spent.

    ``account`` is None for a user who has none yet.
    """

    account: str | None
    balance: Decimal
    available: Decimal
    held: Decimal

    @classmethod
    def read(cls, document: Document) -> Self:
        return cls(
            document.get("account"),
            Decimal(document["balance"]),
            Decimal(document["available"]),
            Decimal(document["held"]),
        )


@dataclass(frozen=True, slots=True)
class Spent:
    """A spend as it stands in the books. ``repeated``: it stood there before this call.

    ``id`` is the entry's. ``amount`` is what was taken, which for a usage is its price.
    """

    id: int
    account: str
    amount: Decimal
    balance_after: Decimal
    key: str
    repeated: bool

    @classmethod
    def read(cls, document: Document, key: str, *, repeated: bool) -> Self:
        return cls(
            document["id"],
            document["account"],
            Decimal(document["amount"]),
            Decimal(document["balance_after"]),
            key,
            repeated,
        )


@dataclass(frozen=True, slots=True)
class Captured:
    """A capture as it stands in the books. ``hold_remaining``: what the hold still sets aside."""

    id: int
    hold: str
    account: str
    amount: Decimal
    balance_after: Decimal
    hold_remaining: Decimal
    key: str
    repeated: bool

    @classmethod
    def read(cls, document: Document, key: str, *, repeated: bool) -> Self:
        return cls(
            document["id"],
            document["hold"],
            document["account"],
            Decimal(document["amount"]),
            Decimal(document["balance_after"]),
            Decimal(document["hold_remaining"]),
            key,
            repeated,
        )


@dataclass(frozen=True, slots=True)
class Transferred:
    """A transfer as it stands in the books. ``balance_after`` is the giver's."""

    id: int
    received_id: int
    amount: Decimal
    balance_after: Decimal
    key: str
    repeated: bool

    @classmethod
    def read(cls, document: Document, key: str, *, repeated: bool) -> Self:
        return cls(
            document["id"],
            document["received_id"],
            Decimal(document["amount"]),
            Decimal(document["balance_after"]),
            key,
            repeated,
        )


@dataclass(frozen=True, slots=True)
class HoldState:
    """How a hold stands: ``status`` is open, captured, released or expired."""

    id: str
    account: str
    status: str
    amount: Decimal
    captured: Decimal
    remaining: Decimal
    expires_at: datetime

    @classmethod
    def read(cls, document: Document) -> Self:
        return cls(
            document["id"],
            document["account"],
            document["status"],
            Decimal(document["amount"]),
            Decimal(document["captured"]),
            Decimal(document["remaining"]),
            datetime.fromisoformat(document["expires_at"]),
        )


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that happened to an account. ``amount`` has a sign; ``key`` is yours where you made the entry."""

    id: int
    version: int
    kind: str
    amount: Decimal
    balance_after: Decimal
    key: str
    reference: str
    metadata: Mapping[str, Any]
    created_at: datetime

    @classmethod
    def read(cls, document: Document) -> Self:
        return cls(
            document["id"],
            document["version"],
            document["kind"],
            Decimal(document["amount"]),
            Decimal(document["balance_after"]),
            document["key"],
            document["reference"],
            document["metadata"],
            datetime.fromisoformat(document["created_at"]),
        )


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a prompt would cost a user, and whether their credits cover it. Nothing is charged or set aside."""

    credits: Decimal
    affordable: bool
    available: Decimal
    missing: Decimal
    input_tokens: int
    output_tokens: int | None
    buy_url: str

    @classmethod
    def read(cls, document: Document) -> Self:
        tokens = document["tokens"]
        return cls(
            Decimal(document["estimated_credits"]),
            document["affordable"],
            Decimal(document["available"]),
            Decimal(document["missing"]),
            tokens["input"],
            tokens["expected_output"],
            document["buy_url"],
        )
