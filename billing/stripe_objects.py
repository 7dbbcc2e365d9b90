"""Stripe's objects as the few facts that we act on. Read from their JSON, whether a webhook or a call brought it.

Unknown fields are ignored (Stripe adds some without a new API version); a missing one that we need fails loudly.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from billing.errors import MalformedStripeObject

Json = Mapping[str, Any]


@dataclass(frozen=True)
class StripeEvent:
    """A verified event's envelope. ``subject`` is its ``data.object``, ``payload`` the whole of it."""

    id: str
    type: str
    created: datetime.datetime
    api_version: str
    livemode: bool
    subject: Json
    payload: Json

    @classmethod
    def from_json(cls, payload: Json) -> StripeEvent:
        with _loudly("event"):
            return cls(
                id=_text(payload["id"]),
                type=_text(payload["type"]),
                created=_instant(payload["created"]),
                api_version=payload.get("api_version") or "",
                livemode=bool(payload["livemode"]),
                subject=dict(payload["data"]["object"]),
                payload=payload,
            )


@dataclass(frozen=True)
class CheckoutSession:
    """A Checkout Session. ``amount_total`` is in the currency's smallest unit.

    ``payment_intent_status`` is known only where the payment intent was expanded; ``reference`` is our purchase's id
    as Stripe carries it for us.
    """

    id: str
    status: str
    payment_status: str
    amount_total: int | None
    currency: str
    url: str
    reference: str
    payment_intent_id: str | None
    payment_intent_status: str | None
    customer_id: str
    customer_email: str
    metadata: Json
    created: datetime.datetime

    @classmethod
    def from_json(cls, data: Json) -> CheckoutSession:
        with _loudly("checkout.session"):
            metadata = data["metadata"] or {}
            intent = data["payment_intent"]
            return cls(
                id=_text(data["id"]),
                status=data["status"] or "open",
                payment_status=_text(data["payment_status"]),
                amount_total=data["amount_total"],
                currency=(data["currency"] or "").lower(),
                url=data.get("url") or "",
                reference=_reference(metadata.get("purchase_id") or data.get("client_reference_id")),
                payment_intent_id=_id_of(intent),
                payment_intent_status=intent["status"] if isinstance(intent, Mapping) else None,
                customer_id=_id_of(data.get("customer")) or "",
                customer_email=(data.get("customer_details") or {}).get("email") or "",
                metadata=metadata,
                created=_instant(data["created"]),
            )


@dataclass(frozen=True)
class StripeInvoice:
    """An invoice. ``pdf_url`` is empty until it is made out."""

    id: str
    pdf_url: str

    @classmethod
    def from_json(cls, data: Json) -> StripeInvoice:
        with _loudly("invoice"):
            return cls(_text(data["id"]), data["invoice_pdf"] or "")


@dataclass(frozen=True)
class PaymentIntent:
    """A payment intent. ``amount_received`` is what was really paid, in the currency's smallest unit."""

    id: str
    status: str
    amount_received: int
    currency: str
    reference: str
    customer_id: str
    failure_code: str
    failure_message: str

    @classmethod
    def from_json(cls, data: Json) -> PaymentIntent:
        with _loudly("payment_intent"):
            error = data["last_payment_error"] or {}
            return cls(
                id=_text(data["id"]),
                status=_text(data["status"]),
                amount_received=int(data["amount_received"] or 0),
                currency=_text(data["currency"]).lower(),
                reference=_reference((data["metadata"] or {}).get("purchase_id")),
                customer_id=_id_of(data.get("customer")) or "",
                failure_code=error.get("decline_code") or error.get("code") or "",
                failure_message=error.get("message") or "",
            )


@dataclass(frozen=True)
class StripeRefund:
    """A refund. ``amount`` is in the currency's smallest unit; ``reference`` is our refund's id, where we made it."""

    id: str
    status: str
    amount: int
    currency: str
    reason: str
    failure_reason: str
    payment_intent_id: str
    reference: str
    created: datetime.datetime

    @classmethod
    def from_json(cls, data: Json) -> StripeRefund:
        with _loudly("refund"):
            return cls(
                id=_text(data["id"]),
                status=_text(data["status"]),
                amount=int(data["amount"]),
                currency=_text(data["currency"]).lower(),
                reason=data.get("reason") or "",
                failure_reason=data.get("failure_reason") or "",
                payment_intent_id=_id_of(data["payment_intent"]) or "",
                reference=_reference((data["metadata"] or {}).get("refund_id")),
                created=_instant(data["created"]),
            )


@dataclass(frozen=True)
class RefundedCharge:
    """What ``charge.refunded`` tells of a charge: ``amount_refunded`` is the sum of all its refunds so far."""

    payment_intent_id: str
    amount_refunded: int

    @classmethod
    def from_json(cls, data: Json) -> RefundedCharge:
        with _loudly("charge"):
            return cls(_id_of(data["payment_intent"]) or "", int(data["amount_refunded"]))


@dataclass(frozen=True)
class StripeDispute:
    """A dispute. ``amount`` is in the currency's smallest unit, ``due_by`` when the answer has to be there."""

    id: str
    status: str
    amount: int
    currency: str
    reason: str
    charge_id: str
    payment_intent_id: str
    due_by: datetime.datetime | None
    created: datetime.datetime

    @classmethod
    def from_json(cls, data: Json) -> StripeDispute:
        with _loudly("dispute"):
            due_by = (data.get("evidence_details") or {}).get("due_by")
            return cls(
                id=_text(data["id"]),
                status=_text(data["status"]),
                amount=int(data["amount"]),
                currency=_text(data["currency"]).lower(),
                reason=data.get("reason") or "",
                charge_id=_id_of(data["charge"]) or "",
                payment_intent_id=_id_of(data["payment_intent"]) or "",
                due_by=_instant(due_by) if due_by else None,
                created=_instant(data["created"]),
            )


@dataclass(frozen=True)
class StripeProduct:
    id: str
    name: str
    description: str
    active: bool
    package_code: str
    raw: Json

    @classmethod
    def from_json(cls, data: Json) -> StripeProduct:
        with _loudly("product"):
            return cls(
                id=_text(data["id"]),
                name=_text(data["name"]),
                description=data["description"] or "",
                active=bool(data["active"]),
                package_code=(data["metadata"] or {}).get("package_code") or "",
                raw=data,
            )


@dataclass(frozen=True)
class StripePrice:
    id: str
    product_id: str
    unit_amount: int | None
    currency: str
    active: bool
    lookup_key: str
    raw: Json

    @classmethod
    def from_json(cls, data: Json) -> StripePrice:
        with _loudly("price"):
            return cls(
                id=_text(data["id"]),
                product_id=_id_of(data["product"]) or "",
                unit_amount=data["unit_amount"],
                currency=_text(data["currency"]).lower(),
                active=bool(data["active"]),
                lookup_key=data["lookup_key"] or "",
                raw=data,
            )


# What reading a wrong shape raises; a time beyond all calendars is an OSError or an OverflowError.
UNREADABLE = (KeyError, TypeError, AttributeError, ValueError, OverflowError, OSError)


class _loudly:  # noqa: N801 - reads as a word: with _loudly("event")
    """Turns whatever a wrong shape raises into one error that names the object."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, UNREADABLE):
            raise MalformedStripeObject(
                f"Stripe's {self.name} lacks a field that we need, or has it in another shape: {error!r}."
            ) from error


def _text(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise TypeError(f"expected text, got {type(value).__name__}")
    return value


def _reference(value: object) -> str:
    """What others put where our reference stands is none of ours, whatever it is."""
    return value if isinstance(value, str) else ""


def _id_of(value: object) -> str | None:
    """The id of an object that may be expanded, a bare id, or null."""
    if isinstance(value, Mapping):
        return _text(value["id"])
    return value if isinstance(value, str) else None


def _instant(seconds: object) -> datetime.datetime:
    if not isinstance(seconds, int) or isinstance(seconds, bool):
        raise TypeError(f"expected Unix seconds, got {seconds!r}")
    return datetime.datetime.fromtimestamp(seconds, tz=datetime.UTC)
