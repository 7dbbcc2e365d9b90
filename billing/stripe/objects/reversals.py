"""Read refunds and disputes."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass

from billing.stripe.objects.reading import (
    Json,
    currency,
    id_of,
    instant,
    minor,
    reading,
    reference,
    text,
    words,
)


@dataclass(frozen=True)
class Movement:
    """A balance transaction's amount in minor units; negative if it left the seller's balance."""

    id: str
    amount: int
    currency: str

    @classmethod
    def from_json(cls, data: Json) -> Movement:
        return cls(text(data["id"]), minor(data["amount"]), currency(data["currency"]))


@dataclass(frozen=True)
class StripeRefund:
    """A refund. ``amount`` is in minor units; ``reference`` is our refund's id, if we made it; ``status`` may be
    empty; ``movements`` are set only if the balance transaction was expanded.
    """

    id: str
    status: str
    amount: int
    currency: str
    reason: str
    failure_reason: str
    charge_id: str
    payment_intent_id: str
    reference: str
    movements: tuple[Movement, ...]
    created: datetime.datetime

    @classmethod
    def from_json(cls, data: Json) -> StripeRefund:
        with reading("refund"):
            moved = data.get("balance_transaction")
            return cls(
                id=text(data["id"]),
                status=reference(data["status"]),
                amount=minor(data["amount"]),
                currency=currency(data["currency"]),
                reason=words(data.get("reason"), 60),
                failure_reason=words(data.get("failure_reason"), 100),
                charge_id=id_of(data["charge"]) or "",
                payment_intent_id=id_of(data["payment_intent"]) or "",
                reference=reference((data["metadata"] or {}).get("refund_id")),
                movements=(Movement.from_json(moved),) if isinstance(moved, Mapping) else (),
                created=instant(data["created"]),
            )


@dataclass(frozen=True)
class StripeDispute:
    """A dispute. ``amount`` is in minor units, ``due_by`` the deadline to respond, ``movements`` are of our balance."""

    id: str
    status: str
    amount: int
    currency: str
    reason: str
    charge_id: str
    payment_intent_id: str
    due_by: datetime.datetime | None
    movements: tuple[Movement, ...]
    created: datetime.datetime

    @classmethod
    def from_json(cls, data: Json) -> StripeDispute:
        with reading("dispute"):
            due_by = (data.get("evidence_details") or {}).get("due_by")
            moved = data.get("balance_transactions") or []
            return cls(
                id=text(data["id"]),
                status=reference(data["status"]),
                amount=minor(data["amount"]),
                currency=currency(data["currency"]),
                reason=words(data.get("reason"), 60),
                charge_id=id_of(data["charge"]) or "",
                payment_intent_id=id_of(data["payment_intent"]) or "",
                due_by=instant(due_by) if due_by else None,
                movements=tuple(Movement.from_json(one) for one in moved if isinstance(one, Mapping)),
                created=instant(data["created"]),
            )
