"""Read the API's answers as values. Credits are decimals; a missing field is a KeyError, not a guess."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from decimal import Decimal
from functools import cache
from typing import Any, Self, get_type_hints

Document = Mapping[str, Any]
CONVERTERS: Mapping[Any, Callable[[Any], Any]] = {Decimal: Decimal, datetime: datetime.fromisoformat}


class Value:
    """Read a document field by field, converted to the field's type."""

    __slots__ = ()

    @classmethod
    def read(cls, document: Document, **known: Any) -> Self:
        """Return the value of a document, with the fields that are known otherwise."""
        converters = _list_converters(cls)  # type: ignore[arg-type]  # mypy takes a type[Self] for unhashable
        read = {name: convert(document[name]) for name, convert in converters.items() if name not in known}
        return cls(**read, **known)


@cache
def _list_converters(value: type[Any]) -> dict[str, Callable[[Any], Any]]:
    hints = get_type_hints(value)
    return {field.name: CONVERTERS.get(hints[field.name], _keep) for field in fields(value)}


def _keep(value: Any) -> Any:
    return value


@dataclass(frozen=True, slots=True)
class Balance(Value):
    """``balance`` is all credits, ``held`` those on hold, ``available`` what can be spent.

    ``account`` is None for a user without an account yet.
    """

    account: str | None
    balance: Decimal
    available: Decimal
    held: Decimal


@dataclass(frozen=True, slots=True)
class Spent(Value):
    """A recorded spend. ``repeated`` tells that it was recorded before this call.

    ``id`` is the entry's. ``amount`` is what was taken, which for a usage is its price.
    """

    id: int
    account: str
    amount: Decimal
    balance_after: Decimal
    key: str
    repeated: bool


@dataclass(frozen=True, slots=True)
class Captured(Value):
    """A recorded capture. ``hold_remaining`` is what is still held."""

    id: int
    hold: str
    account: str
    amount: Decimal
    balance_after: Decimal
    hold_remaining: Decimal
    key: str
    repeated: bool


@dataclass(frozen=True, slots=True)
class Transferred(Value):
    """A recorded transfer. ``balance_after`` is the giver's."""

    id: int
    received_id: int
    amount: Decimal
    balance_after: Decimal
    key: str
    repeated: bool


@dataclass(frozen=True, slots=True)
class HoldState(Value):
    """The state of a hold; ``status`` is open, captured, released or expired."""

    id: str
    account: str
    status: str
    amount: Decimal
    captured: Decimal
    remaining: Decimal
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Entry(Value):
    """One entry of an account. ``amount`` has a sign; ``key`` is yours if you made the entry."""

    id: int
    version: int
    kind: str
    amount: Decimal
    balance_after: Decimal
    key: str
    reference: str
    metadata: Mapping[str, Any]
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Estimate(Value):
    """What a prompt would cost a user, and whether they can afford it. Nothing is charged or held."""

    credits: Decimal
    affordable: bool
    available: Decimal
    missing: Decimal
    input_tokens: int
    output_tokens: int | None
    buy_url: str
