"""What a buyer and their bank do about a charge."""

from typing import Any

from sandbox.controls.acting import act_on
from sandbox.controls.answering import ControlError, expect, take
from sandbox.models import Record
from sandbox.payments import disputes
from sandbox.shapes import Json


def dispute(order: Json, charge_id: str) -> Json:
    """A chargeback, or an inquiry that may become one."""
    expect(order, reason=str, amount=int, inquiry=bool)
    reason, amount, inquiry = take(order, reason="fraudulent", amount=None, inquiry=False)
    if reason not in disputes.REASONS:
        raise ControlError(f"reason is one of {', '.join(disputes.REASONS)}")

    def open_it(charge: Record) -> Record:
        _require_within(amount, charge.data)
        return disputes.open_dispute(charge, reason, amount, inquiry=bool(inquiry))

    return act_on("charge", charge_id, open_it)


def _require_within(amount: Any, charge: Json) -> None:
    if amount is not None and not 1 <= amount <= charge["amount"]:
        raise ControlError(f"amount is 1 to {charge['amount']}")


def close(order: Json, dispute_id: str) -> Json:
    """The bank decides for the merchant or for the buyer, or lets its inquiry be."""
    (status,) = take(order, status=None)
    if status not in disputes.ENDINGS:
        raise ControlError(f"status is one of {', '.join(disputes.ENDINGS)}")
    return act_on("dispute", dispute_id, lambda dispute: disputes.close_dispute(dispute, status))


def escalate(order: Json, dispute_id: str) -> Json:
    """The bank turns its inquiry into a chargeback."""
    take(order)
    return act_on("dispute", dispute_id, disputes.escalate_dispute)
