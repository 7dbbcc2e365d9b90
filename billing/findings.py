"""What staff do about the findings of a reconciliation: repair by the webhook's own functions, or mark as settled."""

from __future__ import annotations

from uuid import UUID

from django.utils import timezone

from billing.errors import NotRepairable
from billing.fulfilment import grant_missing_credits
from billing.models import Purchase, PurchaseEvent, ReconciliationFinding
from billing.purchase_log import Told
from billing.repair import rerun_fulfilment

State = ReconciliationFinding.State

CREDITS_ARE_MISSING = "completed_without_credits"


def repair_finding(finding_id: int, actor_id: UUID) -> ReconciliationFinding:
    """Does again what a webhook would have done, and looks whether that settled it. Safe to repeat.

    Raises:
        NotRepairable: it is settled already, or nothing here can do anything about it.
        SessionNotFound, StripeUnavailable, StripeRefused: as `billing.repair.rerun_fulfilment`.
    """
    finding = ReconciliationFinding.objects.select_related("purchase").get(pk=finding_id)
    if finding.state != State.WAITING:
        raise NotRepairable("It is settled already.")
    if not is_repairable(finding) or finding.purchase is None:
        raise NotRepairable("Only a person can settle this: the guide says how.")
    if finding.kind == CREDITS_ARE_MISSING:
        grant_missing_credits(finding.purchase.pk, Told(PurchaseEvent.Source.STAFF, actor_id=actor_id))
        is_settled = True
    else:
        purchase = rerun_fulfilment(finding.purchase.pk, actor_id)
        is_settled = purchase.is_credited and not purchase.attention
    if is_settled:
        _settle(finding, actor_id)
    return finding


def settle_finding(finding_id: int, actor_id: UUID) -> ReconciliationFinding:
    """Marks a finding that staff have settled elsewhere. A second one to say so changes nothing."""
    finding = ReconciliationFinding.objects.get(pk=finding_id)
    if finding.state == State.WAITING:
        _settle(finding, actor_id)
    return finding


def is_repairable(finding: ReconciliationFinding) -> bool:
    """Whether asking Stripe again, or granting what is missing, can settle it."""
    attention = [value for value in Purchase.Attention.values if value and value != "paid_twice"]
    return finding.purchase_id is not None and finding.kind in {*attention, CREDITS_ARE_MISSING}


def _settle(finding: ReconciliationFinding, actor_id: UUID) -> None:
    waiting = ReconciliationFinding.objects.filter(pk=finding.pk, state=State.WAITING)
    waiting.update(state=State.SETTLED, settled_by=actor_id, settled_at=timezone.now())
    finding.refresh_from_db()
