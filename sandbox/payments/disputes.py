"""Open, escalate, contest and close disputes: chargebacks, which take the money, and inquiries, which only ask."""

from sandbox import clock, store
from sandbox.models import Record
from sandbox.payments.balance import DISPUTE, DISPUTE_REVERSAL, Fee, Kind, choose_reversal, record_movement
from sandbox.payments.methods import find_test_card
from sandbox.payments.refunds import fail_pending_refunds
from sandbox.payments.states import WrongStateError, require_status
from sandbox.shapes import Json, make_object
from sandbox.webhooks.events import acting_for, change_and_emit, emit

REASONS = """
    bank_cannot_process check_returned credit_not_processed customer_initiated debit_not_authorized duplicate fraudulent
    general incorrect_account_details insufficient_funds noncompliant product_not_received product_unacceptable
    subscription_canceled unrecognized
""".split()
# Visa's numbers for those that have one.
_REASON_CODES = {
    "credit_not_processed": "13.6",
    "duplicate": "12.6",
    "fraudulent": "10.4",
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

_REVIEW = {"needs_response": "under_review", "warning_needs_response": "warning_under_review"}
_CLAIMED = ("charge", "amount", "currency")
_FEE = Fee(1500, "Dispute fee")
_DAY_S = 24 * 60 * 60
_DAYS_TO_RESPOND = 8


def open_dispute(
    charge: Record,
    *,
    reason: str = "fraudulent",
    amount: int | None = None,
    currency: str | None = None,
    exchange_rate: float | None = None,
    inquiry: bool = False,
) -> Record:
    """Dispute an amount of a charge, or all of it, whatever was refunded before.

    `exchange_rate` converts the dispute's currency, by default the charge's, to that of the balance.
    Raises WrongStateError if the charge didn't succeed, is in dispute, or no rate leads to the balance.
    """
    require_status(charge, "succeeded")
    for other in store.list_records("dispute").filter(data__charge=charge.id):
        if other.data["status"] in OPEN_STATUSES:
            raise WrongStateError(f"the charge is already in dispute: {other.id}")
    claimed: Json = {
        "charge": charge.id,
        "amount": charge.data["amount"] if amount is None else amount,
        "currency": currency or charge.data["currency"],
    }
    choose_reversal(charge.data, claimed["currency"], exchange_rate)  # raise before anything is stored
    data = make_object(
        "dispute",
        **claimed,
        is_charge_refundable=inquiry,
        payment_intent=charge.data["payment_intent"],
        payment_method_details=_describe_case(charge.data, reason, inquiry=inquiry),
        reason=reason,
        status="warning_needs_response" if inquiry else "needs_response",
    )
    data["evidence_details"]["due_by"] = _get_due_by()
    with acting_for(None):
        dispute = store.add_object(data, private={"exchange_rate": exchange_rate, **claimed})
        store.change(charge, disputed=True)
        if inquiry:
            emit("charge.dispute.created", dispute.data)
            return dispute
        _withdraw(dispute)
        emit("charge.dispute.created", dispute.data)
        emit("charge.dispute.funds_withdrawn", dispute.data)
        fail_pending_refunds(charge.data)
    return dispute


def dispute_if_card_does(charge: Record) -> None:
    """Open the dispute that some test cards cause as soon as they have paid."""
    card = find_test_card(charge.data)
    if card is not None and card.disputing != "never":
        open_dispute(charge, inquiry=card.disputing == "inquiry")


def _describe_case(charge: Json, reason: str, *, inquiry: bool) -> Json | None:
    """Return the card network's view of the case. A bank account has none."""
    card = charge["payment_method_details"].get("card")
    if card is None:
        return None
    case = {
        "brand": card["brand"],
        "case_type": "inquiry" if inquiry else "chargeback",
        "network": card["network"],
        "network_reason_code": _REASON_CODES.get(reason),
    }
    return {"card": case, "type": "card"}


def _get_due_by() -> int:
    """Return the last second, in UTC, in which the merchant may respond."""
    today = clock.get_now() // _DAY_S
    return (today + _DAYS_TO_RESPOND + 1) * _DAY_S - 1


def _withdraw(dispute: Record) -> Json:
    """Take the money and Stripe's fee. Return the dispute's former values."""
    return _move(dispute, -1, DISPUTE, "Chargeback withdrawal", _FEE)


def _move(dispute: Record, sign: int, kind: Kind, what: str, fee: Fee | None = None) -> Json:
    claimed = _get_claimed(dispute)
    charge = store.get_object("charge", claimed["charge"])
    transaction = record_movement(
        dispute.data,
        sign * claimed["amount"],
        kind,
        f"{what} for {charge['id']}",
        settlement=choose_reversal(charge, claimed["currency"], claimed["exchange_rate"]),
        fee=fee,
    )
    movements = [*dispute.data["balance_transactions"], transaction]
    return store.change(dispute, balance_transactions=movements)


def _get_claimed(dispute: Record) -> Json:
    """Return what the bank claimed, whatever the dispute was changed to show."""
    shown = {name: dispute.data[name] for name in _CLAIMED if name in dispute.data}
    return {"exchange_rate": None, **shown, **dispute.private}


def escalate_dispute(dispute: Record) -> Record:
    """Turn an inquiry into a chargeback. Raises WrongStateError."""
    require_status(dispute, *INQUIRY_STATUSES)
    charge = store.get_object("charge", _get_claimed(dispute)["charge"])
    details = {**dispute.data["evidence_details"], "due_by": _get_due_by()}
    with acting_for(None):
        change_and_emit(
            dispute,
            "charge.dispute.updated",
            status="needs_response",
            is_charge_refundable=False,
            evidence_details=details,
            payment_method_details=_describe_case(charge, dispute.data["reason"], inquiry=False),
        )
        previous = _withdraw(dispute)
        emit("charge.dispute.funds_withdrawn", dispute.data, previous)
        fail_pending_refunds(charge)
    return dispute


def close_dispute(dispute: Record, status: str) -> Record:
    """Decide a dispute as its bank would. Raises WrongStateError for one that can't end like this."""
    require_status(dispute, *_ENDINGS[status])
    with acting_for(None):
        change_and_emit(
            dispute, "charge.dispute.closed", status=status, is_charge_refundable=status != "lost"
        )
        if status == "won":  # Stripe keeps its fee
            previous = _move(dispute, 1, DISPUTE_REVERSAL, "Chargeback reversal")
            emit("charge.dispute.funds_reinstated", dispute.data, previous)
    return dispute


def accept_dispute(dispute: Record) -> None:
    """Accept a dispute as the merchant. Raises WrongStateError for a closed one."""
    require_status(dispute, *OPEN_STATUSES)
    change_and_emit(dispute, "charge.dispute.closed", status="lost")


def update_evidence(dispute: Record, *, evidence: Json, submit: bool, metadata: Json) -> None:
    """Add evidence, and submit all of it to the bank if asked. Raises WrongStateError for a closed dispute."""
    require_status(dispute, *OPEN_STATUSES)
    merged = {**dispute.data["evidence"], **evidence}
    details = {**dispute.data["evidence_details"], "has_evidence": any(merged.values())}
    fields = {"evidence": merged, "evidence_details": details, "metadata": metadata}
    if submit and details["has_evidence"]:
        details["submission_count"] += 1
        details["past_due"] = clock.get_now() > details["due_by"]
        fields["status"] = _REVIEW.get(dispute.data["status"], dispute.data["status"])
    change_and_emit(dispute, "charge.dispute.updated", **fields)


def decide_by_magic_words(dispute: Record) -> None:
    """Decide a dispute if the text of its evidence is one of the magic words."""
    words = dispute.data["evidence"]["uncategorized_text"]
    is_inquiry = dispute.data["status"] in INQUIRY_STATUSES
    if words == "escalate_inquiry_evidence" and is_inquiry:
        escalate_dispute(dispute)
    elif words in ("winning_evidence", "losing_evidence"):
        won = "won" if words == "winning_evidence" else "lost"
        close_dispute(dispute, "warning_closed" if is_inquiry else won)
