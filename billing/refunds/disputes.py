"""Record disputes and their effect on credits.

A chargeback immediately freezes the purchase's credits by clawing them back from their lot, as the bank may take longer
than any hold lasts. If it is won, they are restored; if lost, they stay clawed back, and spent ones are billed or
written off. An inquiry moves neither money nor credits. Statuses only move forward, so events may arrive in any order.
"""

from __future__ import annotations

import structlog
from django.conf import settings
from django.utils import timezone

from billing.deferring import defer_dispute_mail
from billing.provider.objects import ProviderDispute
from billing.purchases.log import Change, Source, record
from billing.purchases.matching import payment_of
from billing.purchases.models import Payment
from billing.refunds.claims import bearable
from billing.refunds.models import Dispute
from billing.refunds.owed_payments import update_attention_of
from billing.refunds.reversals import Cause, apply_reversals, counted
from credits.ledger.models import Entry

log = structlog.get_logger(__name__)
Status = Dispute.Status

# An inquiry may become a chargeback, and a chargeback is decided; never in reverse.
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


def record_dispute(reported: ProviderDispute, source: Source) -> Dispute | None:
    """Update or create our record of a dispute, and the purchase's credits, in the caller's transaction.

    An outdated report changes nothing. Return None if the payment is unknown.
    """
    payment = payment_of(reported.payment_intent_id, reported.charge_id)
    if payment is None:
        return None
    known = Dispute.objects.select_for_update(of=("self",)).filter(stripe_dispute_id=reported.id).first()
    dispute = known or _opened(reported, payment)
    dispute.payment = payment
    status = _status(reported, known)
    is_news = known is None or ORDER.index(status) > ORDER.index(Status(known.status))
    amount = counted(reported, payment)
    if is_news:
        _move_to(dispute, status, reported)
    if amount is not None and (is_news or dispute.counted_minor is None):
        dispute.counted_minor, dispute.counted_by = amount.minor, amount.by
        is_news = True
    if is_news:
        dispute.save()
        apply_dispute(dispute, source)
    if known is None:
        defer_dispute_mail(dispute.pk)
    return dispute


def apply_dispute(dispute: Dispute, source: Source) -> None:
    """Freeze the credits left, or apply the bank's decision to them, and record it with the purchase."""
    purchase = dispute.purchase
    metadata = {"dispute": str(dispute.pk), "status": dispute.status}
    clawed = apply_reversals(dispute.payment, Cause(Entry.Kind.DISPUTE, metadata))
    detail = {"dispute": str(dispute.pk), "amount": str(dispute.amount), "reason": dispute.reason}
    if clawed and clawed.taken:
        detail["credits"] = str(-clawed.taken)
    record(purchase, Change(f"dispute_{dispute.status}", detail=detail), source)
    update_attention_of(dispute.payment, source, is_unresolved=dispute.counted_minor is None)


def _opened(reported: ProviderDispute, payment: Payment) -> Dispute:
    return Dispute(
        payment=payment,
        amount_minor=reported.amount,
        currency=reported.currency,
        reason=reported.reason,
        stripe_dispute_id=reported.id,
        made_at=reported.created,
    )


def _move_to(dispute: Dispute, status: Status, reported: ProviderDispute) -> None:
    dispute.status, dispute.amount_minor = status, reported.amount
    dispute.due_by = reported.due_by or dispute.due_by
    dispute.closed_at = timezone.now() if status in CLOSED else None
    if status == Status.LOST:
        # Copied, so that changing the setting later changes no decided dispute.
        dispute.policy = bearable(settings.DISPUTE_POLICY, dispute.purchase)
    log.warning("dispute_moved", dispute=reported.id, status=status)


def _status(reported: ProviderDispute, known: Dispute | None) -> Status:
    """Return Stripe's status; if unknown, the recorded one, or a new dispute's by whether funds were withdrawn."""
    if reported.status in Status.values:
        return Status(reported.status)
    log.error("unknown_dispute_status", dispute=reported.id, status=reported.status)
    if known is not None:
        return Status(known.status)
    is_withdrawn = sum(moved.amount for moved in reported.movements) < 0
    return Status.NEEDS_RESPONSE if is_withdrawn else Status.WARNING_NEEDS_RESPONSE
