"""What a bank, or a buyer who does not answer, makes of a refund."""

from sandbox.controls.acting import act_on
from sandbox.controls.answering import ControlError, take
from sandbox.payments import refunds
from sandbox.shapes import Json


def succeed(order: Json, refund_id: str) -> Json:
    """The money of a pending refund arrives."""
    take(order)
    return act_on("refund", refund_id, refunds.succeed_refund)


def fail(order: Json, refund_id: str) -> Json:
    """The money of a refund comes back, whether it was pending or had seemed to arrive."""
    (reason,) = take(order, failure_reason="lost_or_stolen_card")
    if reason not in refunds.FAILURE_REASONS:
        raise ControlError(f"failure_reason is one of {', '.join(refunds.FAILURE_REASONS)}")
    return act_on("refund", refund_id, lambda refund: refunds.fail_refund(refund, reason))


def require_action(order: Json, refund_id: str) -> Json:
    """A pending refund waits for the buyer to say where to; only such a one can be canceled."""
    take(order)
    return act_on("refund", refund_id, refunds.ask_buyer)
