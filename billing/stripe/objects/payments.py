"""Read checkouts and their payments."""

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
class PaymentMethod:
    """How a payment was made: by card, perhaps in a wallet, or from a bank account. Unknown fields are empty."""

    type: str = ""
    brand: str = ""
    last4: str = ""
    fingerprint: str = ""
    wallet: str = ""
    bank: str = ""

    @classmethod
    def from_json(cls, data: object) -> PaymentMethod:
        if not isinstance(data, Mapping) or not isinstance(data.get("type"), str):
            return cls()
        details = data.get(data["type"])
        if not isinstance(details, Mapping):
            return cls(type=data["type"][:50])
        wallet = details.get("wallet")
        return cls(
            type=data["type"][:50],
            brand=words(details.get("brand"), 50),
            last4=words(details.get("last4"), 4),
            fingerprint=words(details.get("fingerprint"), 64),
            wallet=words(wallet.get("type"), 50) if isinstance(wallet, Mapping) else "",
            bank=words(details.get("bank_name") or details.get("bank_code"), 100),
        )


@dataclass(frozen=True)
class StripeCharge:
    """An attempt to charge. ``amount_refunded`` is the sum of its refunds so far, in minor units."""

    id: str
    status: str
    payment_intent_id: str
    amount: int
    amount_refunded: int
    currency: str
    reference: str
    customer_id: str
    livemode: bool
    method: PaymentMethod
    created: datetime.datetime

    @classmethod
    def from_json(cls, data: Json) -> StripeCharge:
        with reading("charge"):
            return cls(
                id=text(data["id"]),
                status=text(data["status"]),
                payment_intent_id=id_of(data["payment_intent"]) or "",
                amount=minor(data["amount"]),
                amount_refunded=minor(data["amount_refunded"]),
                currency=currency(data["currency"]),
                reference=reference((data["metadata"] or {}).get("purchase_id")),
                customer_id=id_of(data.get("customer")) or "",
                livemode=bool(data.get("livemode")),
                method=PaymentMethod.from_json(data.get("payment_method_details")),
                created=instant(data["created"]),
            )


@dataclass(frozen=True)
class PaymentIntent:
    """A payment intent. ``amount_received`` is what was paid, in minor units; ``charge`` is set only if expanded."""

    id: str
    status: str
    amount: int
    amount_received: int
    currency: str
    reference: str
    customer_id: str
    failure_code: str
    failure_message: str
    livemode: bool
    charge: StripeCharge | None
    created: datetime.datetime

    @classmethod
    def from_json(cls, data: Json) -> PaymentIntent:
        with reading("payment_intent"):
            error = data["last_payment_error"] or {}
            return cls(
                id=text(data["id"]),
                status=text(data["status"]),
                amount=minor(data["amount"]),
                amount_received=minor(data["amount_received"] or 0),
                currency=currency(data["currency"]),
                reference=reference((data["metadata"] or {}).get("purchase_id")),
                customer_id=id_of(data.get("customer")) or "",
                failure_code=words(error.get("decline_code") or error.get("code"), 100),
                failure_message=words(error.get("message"), 300),
                livemode=bool(data.get("livemode")),
                charge=_charge(data.get("latest_charge")),
                created=instant(data["created"]),
            )


@dataclass(frozen=True)
class CheckoutSession:
    """A Checkout Session. ``amount_total`` is in minor units; ``reference`` is our purchase's id as Stripe holds it.
    ``payment_intent_status``, ``payment_made`` (when the payment was begun) and ``charge`` are set only if expanded.
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
    payment_made: datetime.datetime | None
    charge: StripeCharge | None
    customer_id: str
    customer_email: str
    metadata: Json
    livemode: bool
    created: datetime.datetime

    @classmethod
    def from_json(cls, data: Json) -> CheckoutSession:
        with reading("checkout.session"):
            metadata = data["metadata"] or {}
            intent = data["payment_intent"]
            expanded = intent if isinstance(intent, Mapping) else {}
            return cls(
                id=text(data["id"]),
                status=data["status"] or "open",
                payment_status=text(data["payment_status"]),
                amount_total=None if data["amount_total"] is None else minor(data["amount_total"]),
                currency=currency(data["currency"]) if data["currency"] else "",
                url=words(data.get("url"), 2000),
                reference=reference(metadata.get("purchase_id") or data.get("client_reference_id")),
                payment_intent_id=id_of(intent),
                payment_intent_status=expanded.get("status"),
                payment_made=instant(expanded["created"]) if expanded else None,
                charge=_charge(expanded.get("latest_charge")),
                customer_id=id_of(data.get("customer")) or "",
                customer_email=words((data.get("customer_details") or {}).get("email")),
                metadata=metadata,
                livemode=bool(data.get("livemode")),
                created=instant(data["created"]),
            )


@dataclass(frozen=True)
class StripeInvoice:
    """An invoice; ``pdf_url`` is empty until it is issued."""

    id: str
    pdf_url: str

    @classmethod
    def from_json(cls, data: Json) -> StripeInvoice:
        with reading("invoice"):
            return cls(text(data["id"]), data["invoice_pdf"] or "")


def _charge(value: object) -> StripeCharge | None:
    return StripeCharge.from_json(value) if isinstance(value, Mapping) else None
