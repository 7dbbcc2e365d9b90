"""Create charges: the records of attempts to take money."""

from typing import Any
from uuid import uuid4

from sandbox import store
from sandbox.base_url import get_base_url
from sandbox.models import Record
from sandbox.payments.balance import CHARGE, Fee, choose_settlement, record_movement
from sandbox.payments.cards import Decline
from sandbox.shapes import Json, make_object, make_part
from sandbox.webhooks.events import emit

_COPIED_FROM_INTENT = """
    amount currency customer description receipt_email statement_descriptor statement_descriptor_suffix
""".split()
_COPIED_FROM_CARD = (
    "brand checks country exp_month exp_year fingerprint funding last4 wallet regulated_status".split()
)


def create_charge(intent: Json, method: Json, **fields: Any) -> Record:
    """Create a charge for the whole amount of an intent. The caller emits the event, whose type varies."""
    fields |= {name: intent[name] for name in _COPIED_FROM_INTENT}
    metadata = dict(intent["metadata"])
    return add_charge(method, payment_intent=intent["id"], metadata=metadata, **fields)


def add_charge(method: Json, **fields: Any) -> Record:
    """Store a charge of a payment method, with or without an intent. The caller emits the event."""
    charge = make_object(
        "charge",
        payment_method=method["id"],
        payment_method_details=_describe_method(method, fields["amount"]),
        billing_details=method["billing_details"],
        **fields,
    )
    charge["receipt_url"] = f"{get_base_url()}/receipts/{charge['id']}"
    return store.add_object(charge)


def make_paid_fields(amount: int) -> Json:
    """Return what distinguishes a charge that succeeded."""
    return {
        "status": "succeeded",
        "paid": True,
        "captured": True,
        "amount_captured": amount,
        "outcome": make_part("outcome"),
    }


def make_pending_fields() -> Json:
    """Return what distinguishes a charge whose bank hasn't answered yet."""
    return {"status": "pending", "paid": False, "captured": True, "outcome": make_part("outcome")}


def make_failed_fields(decline: Decline) -> Json:
    """Return what distinguishes a charge that was declined."""
    reason = decline.decline_code or decline.code
    outcome = make_part(
        "outcome",
        advice_code=decline.advice_code,
        network_status="declined_by_network",
        reason=reason,
        seller_message=f"The bank returned the decline code `{reason}`.",
        type="issuer_declined",
    )
    return {
        "status": "failed",
        "paid": False,
        "captured": False,
        "failure_code": decline.code,
        "failure_message": decline.message,
        "outcome": outcome,
    }


def note_authentication(charge: Record) -> None:
    """Record that the buyer passed 3-D Secure, before the charge's event."""
    passed = make_part("three_d_secure", transaction_id=str(uuid4()))
    charge.data["payment_method_details"]["card"]["three_d_secure"] = passed
    charge.save()


def _describe_method(method: Json, amount: int) -> Json:
    if method["type"] == "sepa_debit":
        return {"sepa_debit": {**method["sepa_debit"], "mandate": None}, "type": "sepa_debit"}
    copied = {name: method["card"][name] for name in _COPIED_FROM_CARD}
    details = make_part("charge_card", network=copied["brand"], **copied)
    details["overcapture"]["maximum_amount_capturable"] = amount
    return {"card": details, "type": "card"}


def settle_charge(record: Record) -> None:
    """Book a paid charge and emit the `charge.updated` by which Stripe reports it."""
    previous = book_charge(record)
    emit("charge.updated", record.data, previous)


def book_charge(record: Record) -> Json:
    """Book a paid charge to the balance, less a fee of 2.9% + 30 of the smallest unit. Return its former values."""
    charge = record.data
    settlement = choose_settlement(charge["currency"])
    settled = settlement.convert(charge["amount"])
    fee = Fee(min(settled, round(settled * 29 / 1000) + 30), "Stripe processing fees")
    transaction = record_movement(
        charge, charge["amount"], CHARGE, charge["description"], settlement=settlement, fee=fee
    )
    return store.change(record, balance_transaction=transaction["id"])
