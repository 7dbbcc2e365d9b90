"""What staff do about the findings of a reconciliation: repair by the webhook's own functions, or mark as settled."""

from __future__ import annotations

from uuid import UUID

from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from billing.checkout.fulfilment import grant_missing_credits
from billing.checkout.repair import rerun_fulfilment
from billing.errors import NotRepairable
from billing.purchases.log import Told
from billing.purchases.models import Purchase, PurchaseEvent
from billing.reconciliation.models import ReconciliationFinding

State = ReconciliationFinding.State

CREDITS_ARE_MISSING = "completed_without_credits"

# In a sentence; docs/operate.md has more.
WHAT_TO_DO = {
    "paid_not_credited": _("Nothing: it is credited now. If there are many, see whether webhooks arrive."),
    "status_behind": _("Nothing: the purchase says now what Stripe says."),
    "no_checkout": _("Nothing: it is closed, and nothing was charged."),
    "returned_not_here": _("Nothing: it is recorded, and the credits followed."),
    "returned_not_settled": _("Nothing: the credits have followed now."),
    "return_amount_differs": _(
        "Compare the refund or dispute with Stripe’s, and set right what is wrong here."
    ),
    "return_currency": _("Say on the purchase’s page what the refund or dispute comes to in its currency."),
    "unknown_status_at_stripe": _("See in Stripe’s dashboard how it stands, and tell the developers."),
    "unreadable_at_stripe": _("Look at it in Stripe’s dashboard. If it is ours, tell the developers."),
    "amount_differs": _(
        "Refund the payment on the purchase’s page, then remove whatever altered the amount in Stripe. If nothing was "
        "paid, close the purchase."
    ),
    "currency_differs": _(
        "Refund the payment on the purchase’s page, then remove whatever altered the currency in Stripe."
    ),
    "buyer_deleted": _("Refund the payment on the purchase’s page: nobody could spend the credits."),
    "paid_twice": _("Refund the second payment on the purchase’s page."),
    "credited_amount_differs": _(
        "Compare the purchase with a backup, and set right what is wrong here or at Stripe."
    ),
    "credited_not_paid": _("Look at the payment at Stripe. If it was never paid, take the credits back."),
    "session_unknown": _(
        "See whether another installation uses this Stripe account. Don’t refund before you know."
    ),
    "ids_taken": _("Compare this purchase and the other one at Stripe."),
    "missing_at_stripe": _("See whether database and Stripe key belong to the same mode."),
    CREDITS_ARE_MISSING: _("Run check_ledger and compare with a backup. Repair grants what is missing."),
    "credits_without_purchase": _("Run check_ledger and compare with a backup."),
}


def repair_finding(finding_id: int, actor_id: UUID) -> ReconciliationFinding:
    """Does again what a webhook would have done, and looks whether that settled it. Safe to repeat.

    Raises:
        NotRepairable: it is settled already, or nothing here can do anything about it.
        SessionNotFound, StripeUnavailable, StripeRefused: as `billing.checkout.repair.rerun_fulfilment`.
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
        is_settled = not purchase.attention  # credited, or given back
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
    attention = set(Purchase.Attention.values) - {"", "paid_twice", "return_currency"}
    return finding.purchase_id is not None and finding.kind in {*attention, CREDITS_ARE_MISSING}


def _settle(finding: ReconciliationFinding, actor_id: UUID) -> None:
    waiting = ReconciliationFinding.objects.filter(pk=finding.pk, state=State.WAITING)
    waiting.update(state=State.SETTLED, settled_by=actor_id, settled_at=timezone.now())
    finding.refresh_from_db()
