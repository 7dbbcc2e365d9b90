"""Read checkouts and their payments."""

from __future__ import annotations

from collections.abc import Mapping

from billing.provider.objects import (
    Charge,
    CheckoutSession,
    Invoice,
    Json,
    PaymentIntent,
    PaymentMethod,
    TotalsExplained,
)
from billing.stripe.objects.reading import currency, id_of, instant, minor, reading, reference, text, words


def read_method(data: object) -> PaymentMethod:
    """Read how a charge was made; whatever is missing stays empty."""
    if not isinstance(data, Mapping) or not isinstance(data.get("type"), str):
        return PaymentMethod()
    details = data.get(data["type"])
    if not isinstance(details, Mapping):
        return PaymentMethod(type=data["type"][:50])
    wallet = details.get("wallet")
    return PaymentMethod(
        type=data["type"][:50],
        brand=words(details.get("brand"), 50),
        last4=words(details.get("last4"), 4),
        fingerprint=words(details.get("fingerprint"), 64),
        wallet=words(wallet.get("type"), 50) if isinstance(wallet, Mapping) else "",
        bank=words(details.get("bank_name") or details.get("bank_code"), 100),
    )


def read_charge(data: Json) -> Charge:
    """Read a charge."""
    with reading("charge"):
        return Charge(
            id=text(data["id"]),
            status=text(data["status"]),
            payment_intent_id=id_of(data["payment_intent"]) or "",
            amount=minor(data["amount"]),
            amount_refunded=minor(data["amount_refunded"]),
            currency=currency(data["currency"]),
            reference=reference((data["metadata"] or {}).get("purchase_id")),
            customer_id=id_of(data.get("customer")) or "",
            livemode=bool(data.get("livemode")),
            method=read_method(data.get("payment_method_details")),
            created=instant(data["created"]),
        )


def read_intent(data: Json) -> PaymentIntent:
    """Read a payment intent."""
    with reading("payment_intent"):
        error = data["last_payment_error"] or {}
        return PaymentIntent(
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
            confirm_url=_confirm_url(data.get("next_action")),
        )


def read_session(data: Json) -> CheckoutSession:
    """Read a Checkout Session."""
    with reading("checkout.session"):
        metadata = data["metadata"] or {}
        totals, discounts = data.get("total_details") or {}, data.get("discounts") or ()
        intent = data["payment_intent"]
        expanded = intent if isinstance(intent, Mapping) else {}
        return CheckoutSession(
            id=text(data["id"]),
            mode=data.get("mode") or "payment",
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
            subscription_id=id_of(data.get("subscription")) or "",
            amount_subtotal=None if data.get("amount_subtotal") is None else minor(data["amount_subtotal"]),
            discount=minor(totals.get("amount_discount") or 0),
            tax=minor(totals.get("amount_tax") or 0),
            promotion_code=next(filter(None, (id_of(each.get("promotion_code")) for each in discounts)), ""),
        )


def read_totals_explained(data: Json) -> TotalsExplained:
    """Read a session with its breakdown and promotion codes expanded."""
    with reading("checkout.session"):
        taxes = ((data["total_details"] or {}).get("breakdown") or {}).get("taxes") or ()
        codes = [each.get("promotion_code") for each in data.get("discounts") or ()]
        return TotalsExplained(
            tax_reason=next((words(each["taxability_reason"], 50) for each in taxes), ""),
            promotion_code=next((words(code["code"]) for code in codes if isinstance(code, Mapping)), ""),
        )


def read_invoice(data: Json) -> Invoice:
    """Read an invoice."""
    with reading("invoice"):
        return Invoice(text(data["id"]), data["invoice_pdf"] or "")


def _confirm_url(action: object) -> str:
    redirect = action.get("redirect_to_url") if isinstance(action, Mapping) else None
    return words(redirect.get("url"), 2000) if isinstance(redirect, Mapping) else ""


def _charge(value: object) -> Charge | None:
    return read_charge(value) if isinstance(value, Mapping) else None
