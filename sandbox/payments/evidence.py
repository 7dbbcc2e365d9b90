"""The merchant's answer to a dispute, and Stripe's magic words that decide it in test mode."""

from sandbox import clock, store
from sandbox.models import Record
from sandbox.payments.disputes import INQUIRY_STATUSES, OPEN_STATUSES, close_dispute, escalate_dispute
from sandbox.payments.states import require_status
from sandbox.shapes import Json
from sandbox.webhooks.events import emit

_REVIEW = {"needs_response": "under_review", "warning_needs_response": "warning_under_review"}


def change_answer(dispute: Record, *, evidence: Json, submit: bool, metadata: Json) -> None:
    """Add evidence to a dispute, and hand all of it to the bank if so wished.

    Raises WrongStateError for a dispute that is over.
    """
    require_status(dispute, *OPEN_STATUSES)
    merged = {**dispute.data["evidence"], **evidence}
    details = {**dispute.data["evidence_details"], "has_evidence": any(merged.values())}
    fields = {"evidence": merged, "evidence_details": details, "metadata": metadata}
    if submit and details["has_evidence"]:
        details["submission_count"] += 1
        details["past_due"] = clock.get_now() > details["due_by"]
        fields["status"] = _REVIEW.get(dispute.data["status"], dispute.data["status"])
    previous = store.change(dispute, **fields)
    if previous:
        emit("charge.dispute.updated", dispute.data, previous)


def decide_by_magic_words(dispute: Record) -> None:
    """Decide as the text of the submitted evidence says, if it says so."""
    words = dispute.data["evidence"]["uncategorized_text"]
    is_inquiry = dispute.data["status"] in INQUIRY_STATUSES
    if words == "escalate_inquiry_evidence" and is_inquiry:
        escalate_dispute(dispute)
    elif words in ("winning_evidence", "losing_evidence") and is_inquiry:
        close_dispute(dispute, "warning_closed")
    elif words == "winning_evidence":
        close_dispute(dispute, "won")
    elif words == "losing_evidence":
        close_dispute(dispute, "lost")
