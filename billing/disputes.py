"""Disputes: a bank questions a payment, or takes the money back until it has decided.

A chargeback freezes the purchase's credits at once, by taking them out of their lot: so they can't be spent while the
bank decides, which may take longer than any hold lasts. Won, they come back to the lot; lost, they stay out. An inquiry
moves no money, and no credits. Statuses only ever lead on, so the order in which events arrive doesn't matter.
"""

from __future__ import annotations

import structlog
from django.conf import settings
from django.utils import timezone

from billing.jobs import look_for_purchase_later, tell_staff_of_dispute
from billing.matching import purchase_of_payment
from billing.models import Dispute, Purchase, Refund
from billing.purchase_log import Change, Told, record
from billing.returns import Cause, Returned, collect_let_go, settle_returns
from billing.stripe_objects import StripeDispute
from billing.uncredited_payments import settle_attention_of
from credits.models import Entry

log = structlog.get_logger(__name__)
Status = Dispute.Status

# An inquiry may become a chargeback, and a chargeback is decided; never the other way round.
ORDER = (
    Status.WARNING_NEEDS_RESPONSE,
    Status.WARNING_UNDER_REVIEW,
    Status.WARNING_CLOSED,
    Status.PREVENTED,
    Status.NEEDS_RESPONSE,
    Status.UNDER_REVIEW,
    Status.LOST,
    Status.WON,
)
CLOSED = (Status.WARNING_CLOSED, Status.PREVENTED, Status.LOST, Status.WON)


def record_dispute(reported: StripeDispute, told: Told) -> Dispute:
    """Brings our record of a dispute to what Stripe reports, and the purchase's credits with it. In the caller's
    transaction; an older report than the last one changes nothing.
    """
    purchase = purchase_of_payment(reported.payment_intent_id)
    dispute = Dispute.objects.select_for_update(of=("self",)).filter(stripe_dispute_id=reported.id).first()
    status = Status(reported.status)
    is_new = dispute is None
    dispute = dispute or _opened(reported, purchase)
    is_news = is_new or ORDER.index(status) > ORDER.index(Status(dispute.status))
    if is_news:
        dispute.status, dispute.amount_minor = status, reported.amount
        dispute.due_by = reported.due_by or dispute.due_by
        dispute.closed_at = timezone.now() if status in CLOSED else None
        dispute.save()
        log.warning("dispute_moved", dispute=reported.id, status=status)
    if purchase is not None and (is_news or dispute.purchase_id is None):
        dispute.purchase = purchase
        _settle(purchase, dispute, told)
    elif purchase is None:
        look_for_purchase_later(reported.payment_intent_id)
    if is_new:
        tell_staff_of_dispute.defer(dispute_id=str(dispute.pk))
    return dispute


def _opened(reported: StripeDispute, purchase: Purchase | None) -> Dispute:
    return Dispute(
        purchase=purchase,
        amount_minor=reported.amount,
        currency=reported.currency,
        reason=reported.reason[:60],
        stripe_dispute_id=reported.id,
        stripe_charge_id=reported.charge_id,
        stripe_payment_intent_id=reported.payment_intent_id,
    )


def _settle(purchase: Purchase, dispute: Dispute, told: Told) -> None:
    """Freezes what is left while the bank decides; what was spent is asked for only when the dispute is lost."""
    metadata = {"dispute": str(dispute.pk), "status": dispute.status}
    freeze = Cause(kind=Entry.Kind.DISPUTE, policy="cap", metadata=metadata)
    returned = settle_returns(purchase, freeze)
    _add(dispute, returned)
    if dispute.status == Status.LOST and settings.DISPUTE_POLICY == Refund.Policy.DEBT:
        let_go = dispute.credits_asked - dispute.credits_taken - dispute.credits_owed
        _add(dispute, collect_let_go(purchase, let_go, {**freeze, "policy": "debt"}))
    dispute.save()
    detail = {"dispute": str(dispute.pk), "amount": str(dispute.amount), "reason": dispute.reason}
    if returned.taken:
        detail["credits"] = str(-returned.taken)
    record(purchase, Change(f"dispute_{dispute.status}", detail=detail), told)
    settle_attention_of(purchase, dispute.stripe_payment_intent_id, told)


def _add(dispute: Dispute, returned: Returned) -> None:
    dispute.credits_asked += returned.asked
    dispute.credits_taken += returned.taken
    dispute.credits_owed += returned.owed
