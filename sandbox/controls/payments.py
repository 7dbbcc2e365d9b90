"""Act as buyers and their banks do after, or without, a checkout: payments, refunds and disputes."""

from collections.abc import Callable
from dataclasses import asdict
from typing import Any, Literal

from sandbox import ids, store
from sandbox.controls.answering import ControlError, Currency, Positive, Rate
from sandbox.controls.checkout import read_card
from sandbox.models import Record
from sandbox.payments import disputes, refunds
from sandbox.payments.outright import pay_by_charge, pay_by_intent
from sandbox.shapes import Json
from sandbox.webhooks.events import acting_for


def pay(
    *,
    amount: Positive,
    currency: Currency = "usd",
    description: str | None = None,
    metadata: dict[str, Any] | None = None,
    email: str | None = None,
    intent: bool = True,
    card: str | None = None,
    wallet: str | None = None,
    name: str | None = "Test Buyer",
) -> Json:
    """Take a payment without a checkout, by a payment intent or by a charge alone."""
    details = read_card(card, wallet, name)
    fields = {"amount": amount, "currency": currency, "description": description, "metadata": metadata or {}}
    with store.writing(), acting_for(ids.make_id("request")):
        if not intent:
            outcome, charge = pay_by_charge(details, email, **fields)
            return {**asdict(outcome), "payment_intent": None, "charge": charge.data}
        outcome, paid = pay_by_intent(details, email, **fields)
        latest = store.get_object("charge", paid.data["latest_charge"])
        return {**asdict(outcome), "payment_intent": paid.data, "charge": latest}


def succeed_refund(refund_id: str) -> Json:
    return _act_on("refund", refund_id, refunds.succeed_refund)


def fail_refund(refund_id: str, *, failure_reason: refunds.FailureReason = "lost_or_stolen_card") -> Json:
    """Fail a refund, even one that seemed to have arrived."""
    return _act_on("refund", refund_id, lambda refund: refunds.fail_refund(refund, failure_reason))


def require_action(refund_id: str) -> Json:
    """Make a pending refund wait for the buyer. Only then can the API cancel it."""
    return _act_on("refund", refund_id, refunds.require_action)


def dispute(
    charge_id: str,
    *,
    reason: str = "fraudulent",
    amount: Positive | None = None,
    currency: Currency | None = None,
    exchange_rate: Rate | None = None,
    inquiry: bool = False,
) -> Json:
    """Open a chargeback, or an inquiry. The amount has no maximum: banks may bundle charges in one dispute."""
    if reason not in disputes.REASONS:
        raise ControlError(f"reason must be one of {', '.join(disputes.REASONS)}")

    def open_it(charge: Record) -> Record:
        if amount is None and currency not in (None, charge.data["currency"]):
            raise ControlError("a dispute in another currency than its charge's needs an amount")
        return disputes.open_dispute(
            charge,
            reason=reason,
            amount=amount,
            currency=currency,
            exchange_rate=exchange_rate,
            inquiry=inquiry,
        )

    return _act_on("charge", charge_id, open_it)


def close_dispute(dispute_id: str, *, status: Literal["won", "lost", "warning_closed"]) -> Json:
    return _act_on("dispute", dispute_id, lambda dispute: disputes.close_dispute(dispute, status))


def escalate_dispute(dispute_id: str) -> Json:
    return _act_on("dispute", dispute_id, disputes.escalate_dispute)


def _act_on(object_type: str, object_id: str, action: Callable[[Record], Record]) -> Json:
    """Act on an object in one transaction, not on behalf of any API request. Return the object acted on."""
    with store.writing():
        return dict(action(store.get_record(object_type, object_id)).data)
