"""Disputes: a buyer goes to their bank instead of the merchant, and the bank takes the money back or only asks."""

from dataclasses import dataclass
from typing import Any

from sandbox import clock, store
from sandbox.models import Record
from sandbox.payments.balance import DISPUTE, DISPUTE_REVERSAL, Fee, record_movement
from sandbox.payments.cards import Disputing
from sandbox.payments.methods import find_test_card
from sandbox.payments.refunds import fail_pending_refunds
from sandbox.payments.settlement import settle_back
from sandbox.payments.states import WrongStateError, require_status
from sandbox.shapes import Json, make_object
from sandbox.webhooks.events import acting_for, emit

# Stripe's reasons, and the number Visa has for those it knows.
REASONS: dict[str, str | None] = {
    "bank_cannot_process": None,
    "check_returned": None,
    "credit_not_processed": "13.6",
    "customer_initiated": None,
    "debit_not_authorized": None,
    "duplicate": "12.6",
    "fraudulent": "10.4",
    "general": None,
    "incorrect_account_details": None,
    "insufficient_funds": None,
    "noncompliant": None,
    "product_not_received": "13.1",
    "product_unacceptable": "13.3",
    "subscription_canceled": "13.2",
    "unrecognized": "10.4",
}
CHARGEBACK_STATUSES = ("needs_response", "under_review")
INQUIRY_STATUSES = ("warning_needs_response", "warning_under_review")
OPEN_STATUSES = (*CHARGEBACK_STATUSES, *INQUIRY_STATUSES)
# Which open disputes can end how.
_ENDINGS = {"won": CHARGEBACK_STATUSES, "lost": CHARGEBACK_STATUSES, "warning_closed": INQUIRY_STATUSES}
ENDINGS = tuple(_ENDINGS)

# What a bank claims, as the dispute shows it.
_CLAIMED = ("charge", "amount", "currency")
_FEE = Fee(1500, "Dispute fee")
_DAY_S = 24 * 60 * 60
_DAYS_TO_RESPOND = 8


@dataclass(frozen=True)
class Claim:
    """What a bank disputes: this much of a charge, or the whole; what was refunded before does not count for it.

    An inquiry only asks; a chargeback takes the money and a fee at once. `exchange_rate` leads from the dispute's
    currency, the charge's unless another is named, to that of the balance.
    """

    reason: str = "fraudulent"
    amount: int | None = None
    currency: str | None = None
    exchange_rate: float | None = None
    inquiry: bool = False


def open_dispute(charge: Record, claim: Claim) -> Record:
    """Dispute a charge. Raises WrongStateError for one that brought no money, or is in dispute already, and
    NoRateError where no rate leads to the balance.
    """
    require_status(charge, "succeeded")
    _refuse_second(charge.data)
    data = _build(charge.data, claim)
    settle_back(charge.data, data["currency"], claim.exchange_rate)  # or say at once that there is no rate
    with acting_for(None):
        private = {"exchange_rate": claim.exchange_rate, **{name: data[name] for name in _CLAIMED}}
        dispute = store.add_object(data, private=private)
        store.change(charge, disputed=True)
        if claim.inquiry:
            emit("charge.dispute.created", dispute.data)
            return dispute
        _withdraw(dispute)
        emit("charge.dispute.created", dispute.data)
        emit("charge.dispute.funds_withdrawn", dispute.data)
        fail_pending_refunds(charge.data)
    return dispute


def dispute_if_card_does(charge: Record) -> None:
    """Some test cards are disputed as soon as they have paid."""
    card = find_test_card(charge.data)
    if card is not None and card.disputing is not Disputing.NEVER:
        open_dispute(charge, Claim(inquiry=card.disputing is Disputing.INQUIRY))


def _refuse_second(charge: Json) -> None:
    for dispute in store.list_records("dispute").filter(data__charge=charge["id"]):
        if dispute.data["status"] in OPEN_STATUSES:
            raise WrongStateError(f"the charge is in dispute already: {dispute.id}")


def _build(charge: Json, claim: Claim) -> Json:
    dispute = make_object(
        "dispute",
        amount=charge["amount"] if claim.amount is None else claim.amount,
        charge=charge["id"],
        currency=claim.currency or charge["currency"],
        is_charge_refundable=claim.inquiry,
        payment_intent=charge["payment_intent"],
        payment_method_details=_describe_case(charge, claim.reason, inquiry=claim.inquiry),
        reason=claim.reason,
        status="warning_needs_response" if claim.inquiry else "needs_response",
    )
    dispute["evidence_details"]["due_by"] = _count_due_by()
    return dispute


def _describe_case(charge: Json, reason: str, *, inquiry: bool) -> Json | None:
    """The card network's view of it. A bank account has none."""
    card = charge["payment_method_details"].get("card")
    if card is None:
        return None
    case = {
        "brand": card["brand"],
        "case_type": "inquiry" if inquiry else "chargeback",
        "network": card["network"],
        "network_reason_code": REASONS.get(reason),
    }
    return {"card": case, "type": "card"}


def _count_due_by() -> int:
    """The last second of the day, in UTC, until which the merchant may answer."""
    today = clock.get_now() // _DAY_S
    return (today + _DAYS_TO_RESPOND + 1) * _DAY_S - 1


def _withdraw(dispute: Record) -> Json:
    """The bank takes the money, and Stripe its fee. Returns the dispute's former values."""
    return _move(dispute, -1, "Chargeback withdrawal", fee=_FEE)


def _reinstate(dispute: Record) -> Json:
    """The bank gives the money back; Stripe keeps its fee. Returns the dispute's former values."""
    return _move(dispute, 1, "Chargeback reversal")


def _move(dispute: Record, sign: int, what: str, fee: Fee | None = None) -> Json:
    claimed = _read_claimed(dispute)
    charge = store.get_object("charge", claimed["charge"])
    transaction = record_movement(
        dispute.data,
        sign * claimed["amount"],
        DISPUTE if sign < 0 else DISPUTE_REVERSAL,
        f"{what} for {charge['id']}",
        settlement=settle_back(charge, claimed["currency"], claimed["exchange_rate"]),
        fee=fee,
    )
    movements = [*dispute.data["balance_transactions"], transaction]
    return store.change(dispute, balance_transactions=movements)


def _read_claimed(dispute: Record) -> Json:
    """Return what the bank claimed, and of which charge, whatever the dispute has been made to show."""
    shown = {name: dispute.data[name] for name in _CLAIMED if name in dispute.data}
    return {"exchange_rate": None, **shown, **dispute.private}


def escalate_dispute(dispute: Record) -> Record:
    """The bank turns its inquiry into a chargeback. Raises WrongStateError for what is none. Returns it."""
    require_status(dispute, *INQUIRY_STATUSES)
    charge = store.get_object("charge", _read_claimed(dispute)["charge"])
    details = {**dispute.data["evidence_details"], "due_by": _count_due_by()}
    with acting_for(None):
        previous = store.change(
            dispute,
            status="needs_response",
            is_charge_refundable=False,
            evidence_details=details,
            payment_method_details=_describe_case(charge, dispute.data["reason"], inquiry=False),
        )
        emit("charge.dispute.updated", dispute.data, previous)
        previous = _withdraw(dispute)
        emit("charge.dispute.funds_withdrawn", dispute.data, previous)
        fail_pending_refunds(charge)
    return dispute


def close_dispute(dispute: Record, status: str) -> Record:
    """The bank decides. Raises WrongStateError for a dispute that can't end like this. Returns it."""
    require_status(dispute, *_ENDINGS[status])
    with acting_for(None):
        _close(dispute, status=status, is_charge_refundable=status != "lost")
        if status == "won":
            previous = _reinstate(dispute)
            emit("charge.dispute.funds_reinstated", dispute.data, previous)
    return dispute


def accept_dispute(dispute: Record) -> None:
    """The merchant gives in. Raises WrongStateError for a dispute that is over."""
    require_status(dispute, *OPEN_STATUSES)
    _close(dispute, status="lost")


def _close(dispute: Record, **fields: Any) -> None:
    previous = store.change(dispute, **fields)
    emit("charge.dispute.closed", dispute.data, previous)
