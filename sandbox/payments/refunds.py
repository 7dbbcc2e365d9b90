"""Refunds: money given back at once or in days, and what becomes of it when it does not arrive."""

from typing import Any

from sandbox import clock, ids, store
from sandbox.models import Record
from sandbox.payments.balance import REFUND, REFUND_FAILURE, record_movement
from sandbox.payments.cards import Refunding
from sandbox.payments.currencies import format_amount
from sandbox.payments.methods import find_refunding
from sandbox.payments.settlement import settle_back
from sandbox.payments.states import require_status
from sandbox.shapes import Json, make_object
from sandbox.webhooks.events import emit

FAILURE_REASONS = (
    "charge_for_pending_refund_disputed",
    "declined",
    "expired_or_canceled_card",
    "insufficient_funds",
    "lost_or_stolen_card",
    "merchant_request",
    "unknown",
)
# How long a refund stands that is going to fail: long enough that only a clock pushed forward gets there in a test.
_FAILS_AFTER_S = 60 * 60


class NotRefundableError(Exception):
    """Stripe refuses to refund, in its own words. `code` and `param` are what the API names beside them."""

    def __init__(self, message: str, *, code: str | None = None, param: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.param = param


def create_refund(charge: Record, amount: int | None, **fields: Any) -> Record:
    """Give back this much of a charge, or all that is left of it. Raises NotRefundableError.

    Call inside `store.writing()`: the charge must be read and counted in one turn, or two refunds at once give back
    more than was paid.
    """
    _require_refundable(charge.data)
    amount = _choose_amount(charge.data, amount)
    refunding = find_refunding(charge.data)
    refund = _add_refund(charge.data, amount, refunding, fields)
    emit("refund.created", refund.data)
    previous = _count_refunded(charge, amount)
    emit("charge.refunded", charge.data, previous)
    if refund.data["status"] == "succeeded":
        _update(refund, destination_details=_trace_card(refund.data))
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


def _add_refund(charge: Json, amount: int, refunding: Refunding, fields: Json) -> Record:
    refund = make_object(
        "refund",
        amount=amount,
        charge=charge["id"],
        currency=charge["currency"],
        customer=charge["customer"],
        payment_intent=charge["payment_intent"],
        payment_method=charge["payment_method"],
        destination_details=_describe_destination(charge),
        **fields,
    )
    if refunding is Refunding.STARTS_PENDING:
        refund.update(status="pending", pending_reason="processing")
    settlement = settle_back(charge, charge["currency"])
    description = _describe("REFUND FOR CHARGE", charge)
    transaction = record_movement(refund, -amount, REFUND, description, settlement=settlement)
    refund["balance_transaction"] = transaction["id"]
    due = clock.get_now() + _FAILS_AFTER_S if refunding is Refunding.FAILS_LATER else None
    return store.add_object(refund, private={"charge": charge["id"], "amount": amount}, due=due)


def _describe_destination(charge: Json) -> Json:
    kind = charge["payment_method_details"]["type"]
    if kind != "card":
        return {"type": kind}
    # The bank's own number for it, by which the buyer can have it traced, comes a moment later.
    card = {"reference_status": "pending", "reference_type": "acquirer_reference_number", "type": "refund"}
    return {"card": card, "type": "card"}


def _trace_card(refund: Json) -> Json:
    """Where the money went, now that the card's bank has given it a number."""
    details: Json = refund["destination_details"]
    if details["type"] != "card":
        return details
    reference = {"reference": ids.make_digits(23), "reference_status": "available"}
    return {**details, "card": {**details["card"], **reference}}


def _describe(what: str, charge: Json) -> str:
    return f"{what} ({charge['description']})" if charge["description"] else what


def _count_refunded(charge: Record, amount: int) -> Json:
    """Add to what was given back, or take away from it. Returns the charge's former values."""
    refunded = charge.data["amount_refunded"] + amount
    return store.change(charge, amount_refunded=refunded, refunded=refunded == charge.data["amount"])


def succeed_refund(refund: Record) -> Record:
    """The money of a pending refund has arrived. Raises WrongStateError for any other. Returns it."""
    require_status(refund, "pending")
    _update(refund, status="succeeded", pending_reason=None, destination_details=_trace_card(refund.data))
    return refund


def fail_refund(refund: Record, reason: str) -> Record:
    """The money of a refund came back, even if it had seemed to arrive. Raises WrongStateError. Returns it."""
    require_status(refund, "succeeded", "pending", "requires_action")
    _take_back(refund, status="failed", failure_reason=reason)
    emit("refund.failed", refund.data)
    return refund


def ask_buyer(refund: Record) -> Record:
    """A pending refund can't go on before the buyer says where to. Raises WrongStateError. Returns it."""
    require_status(refund, "pending")
    _update(refund, status="requires_action", pending_reason=None)
    return refund


def cancel_refund(refund: Record) -> Record:
    """The merchant gives up on a buyer who does not answer. Raises WrongStateError otherwise. Returns it."""
    require_status(refund, "requires_action")
    _take_back(refund, status="canceled")
    return refund


def change_metadata(refund: Record, metadata: Json) -> None:
    if metadata != refund.data["metadata"]:
        _update(refund, metadata=metadata)


def _take_back(refund: Record, **fields: Any) -> None:
    """The amount is the merchant's again, and can be refunded anew. Whatever the refund has been made to show."""
    charge = store.get_record("charge", refund.private.get("charge", refund.data["charge"]))
    amount = refund.private.get("amount", refund.data["amount"])
    _count_refunded(charge, -amount)
    description = _describe("REFUND FAILURE", charge.data)
    settlement = settle_back(charge.data, charge.data["currency"])
    transaction = record_movement(refund.data, amount, REFUND_FAILURE, description, settlement=settlement)
    refund.due = None
    _update(refund, failure_balance_transaction=transaction["id"], pending_reason=None, **fields)


def _update(refund: Record, **fields: Any) -> None:
    """Stripe tells of each change of a refund twice: under its own name and under the charge's."""
    previous = store.change(refund, **fields)
    emit("refund.updated", refund.data, previous)
    emit("charge.refund.updated", refund.data, previous)


def fail_due_refunds() -> None:
    """Let those fail whose time has come by the sandbox's clock."""
    overdue = store.list_overdue("refund")
    if not overdue.exists():
        return
    with store.writing():
        for refund in overdue.all():
            fail_refund(refund, "expired_or_canceled_card")


def fail_pending_refunds(charge: Json) -> None:
    """A chargeback stops what is still on its way to the buyer: the bank gives them their money itself."""
    for refund in store.list_records("refund").filter(data__charge=charge["id"]).order_by("seq"):
        if refund.data["status"] in ("pending", "requires_action"):
            fail_refund(refund, "charge_for_pending_refund_disputed")
