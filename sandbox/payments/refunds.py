"""Create refunds, and let them succeed, fail or be canceled."""

from typing import Any, Literal

from sandbox import clock, ids, store
from sandbox.models import Record
from sandbox.payments.balance import REFUND, REFUND_FAILURE, Kind, choose_reversal, record_movement
from sandbox.payments.formatting import format_amount
from sandbox.payments.methods import find_test_card
from sandbox.payments.states import require_status
from sandbox.shapes import Json, make_object
from sandbox.webhooks.events import emit

FailureReason = Literal[
    "charge_for_pending_refund_disputed",
    "declined",
    "expired_or_canceled_card",
    "insufficient_funds",
    "lost_or_stolen_card",
    "merchant_request",
    "unknown",
]
# How long a refund that will fail seems to have succeeded: so long that a test must move the clock.
_FAILS_AFTER_S = 60 * 60


class NotRefundableError(Exception):
    """Refuse a refund with Stripe's message. `code` and `param` are what the API adds to it."""

    def __init__(self, message: str, *, code: str | None = None, param: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.param = param


def create_refund(charge: Record, amount: int | None, **fields: Any) -> Record:
    """Refund an amount of a charge, or all that is left. Raises NotRefundableError.

    Call inside `store.writing()`: two refunds at once must not exceed the charge.
    """
    _require_refundable(charge.data)
    amount = _choose_amount(charge.data, amount)
    refund = _add_refund(charge.data, amount, fields)
    emit("refund.created", refund.data)
    previous = _count_refunded(charge, amount)
    emit("charge.refunded", charge.data, previous)
    if refund.data["status"] == "succeeded":
        _update(refund, destination_details=_add_reference(refund.data))
    return refund


def _require_refundable(charge: Json) -> None:
    if charge["status"] != "succeeded":
        intent = charge["payment_intent"]
        if intent is None:
            raise NotRefundableError(f"Charge {charge['id']} has failed; there is nothing to refund.")
        raise NotRefundableError(
            f"This PaymentIntent ({intent}) does not have a successful charge to refund."
        )
    disputes = store.list_records("dispute").filter(data__charge=charge["id"])
    if disputes.filter(data__is_charge_refundable=False).exists():
        message = f"Charge {charge['id']} has been charged back; cannot issue a refund."
        raise NotRefundableError(message, code="charge_disputed")
    if charge["refunded"]:
        message = f"Charge {charge['id']} has already been refunded."
        raise NotRefundableError(message, code="charge_already_refunded")


def _choose_amount(charge: Json, asked: int | None) -> int:
    left: int = charge["amount"] - charge["amount_refunded"]
    if asked is not None and asked > left:
        wanted, remaining = (format_amount(amount, charge["currency"]) for amount in (asked, left))
        message = f"Refund amount ({wanted}) is greater than unrefunded amount on charge ({remaining})"
        raise NotRefundableError(message, param="amount")
    return left if asked is None else asked


def _add_refund(charge: Json, amount: int, fields: Json) -> Record:
    card = find_test_card(charge)
    refunding = card.refunding if card else "starts pending"  # to a bank account, money takes days
    copied = ("currency", "customer", "payment_intent", "payment_method")
    refund = make_object(
        "refund",
        amount=amount,
        charge=charge["id"],
        destination_details=_describe_destination(charge),
        **{name: charge[name] for name in copied},
        **fields,
    )
    if refunding == "starts pending":
        refund.update(status="pending", pending_reason="processing")
    refund["balance_transaction"] = _book(refund, charge, -amount, REFUND, "REFUND FOR CHARGE")
    due = clock.get_now() + _FAILS_AFTER_S if refunding == "fails later" else None
    return store.add_object(refund, private={"charge": charge["id"], "amount": amount}, due=due)


def _book(refund: Json, charge: Json, amount: int, kind: Kind, what: str) -> str:
    """Book a refund or its failure. Return the id of the balance transaction."""
    description = f"{what} ({charge['description']})" if charge["description"] else what
    settlement = choose_reversal(charge, charge["currency"])
    transaction_id: str = record_movement(refund, amount, kind, description, settlement=settlement)["id"]
    return transaction_id


def _describe_destination(charge: Json) -> Json:
    kind = charge["payment_method_details"]["type"]
    if kind != "card":
        return {"type": kind}
    # The bank's reference, by which the buyer can have the refund traced, comes a moment later.
    card = {"reference_status": "pending", "reference_type": "acquirer_reference_number", "type": "refund"}
    return {"card": card, "type": "card"}


def _add_reference(refund: Json) -> Json:
    """Return the destination with the reference that the card's bank has assigned."""
    details: Json = refund["destination_details"]
    if details["type"] != "card":
        return details
    reference = {"reference": ids.make_digits(23), "reference_status": "available"}
    return {**details, "card": {**details["card"], **reference}}


def _count_refunded(charge: Record, amount: int) -> Json:
    """Add to the charge's refunded amount, or subtract from it. Return its former values."""
    refunded = charge.data["amount_refunded"] + amount
    return store.change(charge, amount_refunded=refunded, refunded=refunded == charge.data["amount"])


def succeed_refund(refund: Record) -> Record:
    """Complete a pending refund. Raises WrongStateError."""
    require_status(refund, "pending")
    _update(refund, status="succeeded", pending_reason=None, destination_details=_add_reference(refund.data))
    return refund


def fail_refund(refund: Record, reason: FailureReason) -> Record:
    """Fail a refund, even one that seemed to have arrived. Raises WrongStateError."""
    require_status(refund, "succeeded", "pending", "requires_action")
    _reverse(refund, status="failed", failure_reason=reason)
    emit("refund.failed", refund.data)
    return refund


def require_action(refund: Record) -> Record:
    """Make a pending refund wait for the buyer to say where to send it. Raises WrongStateError."""
    require_status(refund, "pending")
    _update(refund, status="requires_action", pending_reason=None)
    return refund


def cancel_refund(refund: Record) -> Record:
    """Cancel a refund that waits for the buyer. Raises WrongStateError."""
    require_status(refund, "requires_action")
    _reverse(refund, status="canceled")
    return refund


def change_metadata(refund: Record, metadata: Json) -> None:
    if metadata != refund.data["metadata"]:
        _update(refund, metadata=metadata)


def _reverse(refund: Record, **fields: Any) -> None:
    """Give the amount back to the merchant; it can be refunded again. Ignores what the refund was changed to show."""
    charge = store.get_record("charge", refund.private.get("charge", refund.data["charge"]))
    amount = refund.private.get("amount", refund.data["amount"])
    _count_refunded(charge, -amount)
    transaction_id = _book(refund.data, charge.data, amount, REFUND_FAILURE, "REFUND FAILURE")
    refund.due = None
    _update(refund, failure_balance_transaction=transaction_id, pending_reason=None, **fields)


def _update(refund: Record, **fields: Any) -> None:
    """Change a refund. Stripe reports it twice: as an event of the refund and of the charge."""
    previous = store.change(refund, **fields)
    emit("refund.updated", refund.data, previous)
    emit("charge.refund.updated", refund.data, previous)


def fail_due_refund(refund: Record) -> Record:
    return fail_refund(refund, "expired_or_canceled_card")


def fail_pending_refunds(charge: Json) -> None:
    """Stop refunds in progress because of a chargeback: the bank refunds the buyer itself."""
    for refund in store.list_records("refund").filter(data__charge=charge["id"]).order_by("seq"):
        if refund.data["status"] in ("pending", "requires_action"):
            fail_refund(refund, "charge_for_pending_refund_disputed")
