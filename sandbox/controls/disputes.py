"""What a buyer and their bank do about a charge."""

from sandbox.controls.account import require_currency, require_rate
from sandbox.controls.acting import act_on
from sandbox.controls.answering import ControlError, expect, take
from sandbox.models import Record
from sandbox.payments import disputes
from sandbox.payments.disputes import Claim
from sandbox.shapes import Json


def dispute(order: Json, charge_id: str) -> Json:
    """A chargeback, or an inquiry that may become one."""
    expect(order, reason=str, amount=int, currency=str, inquiry=bool)
    known = vars(Claim())
    claim = Claim(**dict(zip(known, take(order, **known), strict=True)))
    _check(claim)

    def open_it(charge: Record) -> Record:
        if claim.amount is None and claim.currency not in (None, charge.data["currency"]):
            raise ControlError("a dispute in another currency than its charge's needs an amount")
        return disputes.open_dispute(charge, claim)

    return act_on("charge", charge_id, open_it)


def _check(claim: Claim) -> None:
    """Raises ControlError. The amount has no upper end: a bank may put several charges into one dispute."""
    if claim.reason not in disputes.REASONS:
        raise ControlError(f"reason is one of {', '.join(disputes.REASONS)}")
    if claim.amount is not None and claim.amount < 1:
        raise ControlError("amount starts at 1")
    if claim.currency is not None:
        require_currency(claim.currency)
    if claim.exchange_rate is not None:
        require_rate(claim.exchange_rate)


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
