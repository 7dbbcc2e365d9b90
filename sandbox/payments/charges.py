"""Charges: what one attempt to take money left behind."""

from typing import Any
from uuid import uuid4

from sandbox import store
from sandbox.models import Record
from sandbox.payments.balance import CHARGE, Fee, record_movement
from sandbox.payments.cards import Decline
from sandbox.payments.methods import describe_bank
from sandbox.payments.settlement import settle_in
from sandbox.shapes import Json, make_object
from sandbox.webhooks.events import emit

_COPIED = (
    "amount",
    "currency",
    "customer",
    "description",
    "receipt_email",
    "statement_descriptor",
    "statement_descriptor_suffix",
)


def create_charge(intent: Json, method: Json, base_url: str, **fields: Any) -> Record:
    """A charge for the whole amount of an intent. The caller emits the event: what it is called varies."""
    copied = {name: intent[name] for name in _COPIED}
    metadata = dict(intent["metadata"])
    return add_charge(method, base_url, payment_intent=intent["id"], metadata=metadata, **copied, **fields)


def add_charge(method: Json, base_url: str, **fields: Any) -> Record:
    """Store a charge on a payment method, with an intent or without. The caller emits the event."""
    charge = make_object(
        "charge",
        payment_method=method["id"],
        payment_method_details=_describe_method(method, fields["amount"]),
        billing_details=method["billing_details"],
        **fields,
    )
    charge["receipt_url"] = f"{base_url}/receipts/{charge['id']}"
    return store.add_object(charge)


def make_paid_fields(amount: int) -> Json:
    """What a charge says that went through."""
    return {
        "status": "succeeded",
        "paid": True,
        "captured": True,
        "amount_captured": amount,
        "outcome": _make_outcome("authorized", "approved_by_network", "Payment complete."),
    }


def make_pending_fields() -> Json:
    """What a charge says whose bank has yet to answer."""
    outcome = _make_outcome("authorized", "approved_by_network", "Payment complete.")
    return {"status": "pending", "paid": False, "captured": True, "outcome": outcome}


def make_failed_fields(decline: Decline) -> Json:
    """What a charge says that was refused."""
    outcome = _make_outcome("issuer_declined", "declined_by_network", _explain_to_seller(decline))
    outcome["reason"] = decline.decline_code or decline.code
    outcome["advice_code"] = "do_not_try_again" if decline.code == "expired_card" else "try_again_later"
    return {
        "status": "failed",
        "paid": False,
        "captured": False,
        "failure_code": decline.code,
        "failure_message": decline.message,
        "outcome": outcome,
    }


def _explain_to_seller(decline: Decline) -> str:
    return f"The bank returned the decline code `{decline.decline_code or decline.code}`."


def _make_outcome(kind: str, network_status: str, seller_message: str) -> Json:
    return {
        "advice_code": None,
        "network_advice_code": None,
        "network_decline_code": None,
        "network_status": network_status,
        "reason": None,
        "risk_level": "normal",
        "risk_score": 12,
        "seller_message": seller_message,
        "type": kind,
    }


def note_authentication(charge: Record) -> None:
    """Write down that the buyer passed 3-D Secure: before anybody is told of the charge."""
    charge.data["payment_method_details"]["card"]["three_d_secure"] = {
        "authentication_flow": "challenge",
        "electronic_commerce_indicator": "05",
        "exemption_indicator": None,
        "result": "authenticated",
        "result_reason": None,
        "transaction_id": str(uuid4()),
        "version": "2.2.0",
    }
    charge.save()


def _describe_method(method: Json, amount: int) -> Json:
    if method["type"] == "sepa_debit":
        return {"sepa_debit": {**describe_bank(), "mandate": None}, "type": "sepa_debit"}
    card = method["card"]
    copied = (
        "brand",
        "checks",
        "country",
        "exp_month",
        "exp_year",
        "fingerprint",
        "funding",
        "last4",
        "wallet",
    )
    details = {name: card[name] for name in copied}
    unused = ("amount_authorized", "authorization_code", "installments", "mandate", "network_transaction_id")
    details.update(dict.fromkeys((*unused, "three_d_secure", "transaction_link_id")))
    details.update(
        network=card["brand"], network_token={"used": False}, regulated_status=card["regulated_status"]
    )
    for feature in ("extended_authorization", "incremental_authorization", "multicapture", "overcapture"):
        details[feature] = {"status": "disabled" if feature == "extended_authorization" else "unavailable"}
    details["overcapture"]["maximum_amount_capturable"] = amount
    return {"card": details, "type": "card"}


def settle_charge(record: Record) -> None:
    """Give a paid charge its balance transaction. Stripe tells of it afterwards, in a `charge.updated`."""
    previous = book_charge(record)
    emit("charge.updated", record.data, previous)


def book_charge(record: Record) -> Json:
    """Book a paid charge to the balance. Returns the charge's former values."""
    charge = record.data
    settlement = settle_in(charge["currency"])
    fee = Fee(_compute_fee(settlement.convert(charge["amount"])), "Stripe processing fees")
    transaction = record_movement(
        charge, charge["amount"], CHARGE, charge["description"], settlement=settlement, fee=fee
    )
    return store.change(record, balance_transaction=transaction["id"])


def _compute_fee(amount: int) -> int:
    """2.9 % and 30 of the smallest unit, but never more than the amount."""
    return min(amount, round(amount * 29 / 1000) + 30)
