"""Repair reconciliation issues through the webhook's own functions, or close them."""

from __future__ import annotations

from uuid import UUID

from django.db import IntegrityError
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from billing.checkout.fulfilment import grant_missing_credits
from billing.checkout.repair import rerun_fulfilment
from billing.errors import NoTerms, NotRepairable
from billing.provider import provider
from billing.provider.errors import SubscriptionNotFound
from billing.purchases.log import Source
from billing.purchases.models import Purchase, PurchaseEvent
from billing.reconciliation.models import ReconciliationFinding
from billing.reconciliation.subscriptions import PRICE_UNKNOWN
from billing.reconciliation.syncing import MISSING, NOT_GRANTED, SECOND
from billing.subscriptions.models import Subscription
from billing.subscriptions.syncing import end_missing, sync_subscription

State = ReconciliationFinding.State

CREDITS_ARE_MISSING = "completed_without_credits"
# Of subscriptions: asking Stripe again resolves these, once what stood in the way is gone.
SYNCED = {NOT_GRANTED, PRICE_UNKNOWN, SECOND, MISSING}

# One sentence each; docs/operate.md has more.
WHAT_TO_DO = {
    "paid_not_credited": _("None: it has been credited. If there are many, check that webhooks arrive."),
    "subscription_behind": _("None: it now matches Stripe. If there are many, check that webhooks arrive."),
    "status_behind": _("None: the purchase now matches Stripe."),
    "no_checkout": _("None: it was closed, and nothing was charged."),
    "returned_not_here": _("None: it has been recorded and the credits removed."),
    "returned_not_settled": _("None: the credits have been removed."),
    "return_amount_differs": _("Compare the refund or dispute with Stripe’s, and correct our record."),
    "return_currency": _("Open the refund or dispute and enter its converted amount."),
    "unknown_status_at_stripe": _("Check its status in Stripe’s dashboard, and tell the developers."),
    "unreadable_at_stripe": _("Look at it in Stripe’s dashboard. If it is ours, tell the developers."),
    "amount_differs": _(
        "Refund the payment on the purchase’s page, then remove whatever altered the amount in Stripe. If nothing was "
        "paid, close the purchase."
    ),
    "currency_differs": _(
        "Refund the payment on the purchase’s page, then remove whatever altered the currency in Stripe."
    ),
    "buyer_deleted": _("Refund the payment on the purchase’s page: no one can spend the credits."),
    "paid_twice": _("Refund the second payment on the purchase’s page."),
    "credited_amount_differs": _("Compare the purchase with a backup, and correct our record or Stripe’s."),
    "credited_not_paid": _("Look at the payment in Stripe. If it was never paid, remove the credits."),
    "session_unknown": _("Check whether another installation uses this Stripe account before you refund."),
    "payment_unknown": _(
        "Check whether another installation uses this Stripe account. If not, grant the credits named in the payment’s "
        "metadata, or refund it in Stripe."
    ),
    NOT_GRANTED: _(
        "Grant its credits by an adjustment, or refund the payment in Stripe. If a plan has its price by now, repair."
    ),
    PRICE_UNKNOWN: _("Move the subscription to a plan’s price in Stripe, then repair."),
    SECOND: _("Cancel one of the two subscriptions in Stripe, and refund what was paid for it. Then repair."),
    "subscription_unknown": _(
        "Check whether another installation uses this Stripe account. If not, cancel it in Stripe and refund it."
    ),
    "ids_taken": _("Compare this purchase and the other one in Stripe."),
    "ledger_refused": _(
        "Look at the account’s entries for what stands in the way. Grant the credits by an adjustment, or refund the "
        "payment."
    ),
    MISSING: _(
        "Check that the database and the Stripe key use the same mode. If a subscription is gone, repair ends it here."
    ),
    CREDITS_ARE_MISSING: _("Run check_ledger and compare with a backup. Repair adds the missing credits."),
    "credits_without_purchase": _("Run check_ledger and compare with a backup."),
}


def repair_finding(finding_id: int, actor_id: UUID) -> ReconciliationFinding:
    """Repeat what a webhook would have done, and close the issue if that resolved it. Safe to repeat.

    Raises:
        NotRepairable: it is already closed, or can't be repaired here.
        NoTerms: still no plan has the invoice's price.
        SessionNotFound, StripeUnavailable, StripeRefused: as `billing.checkout.repair.rerun_fulfilment`.
    """
    finding = ReconciliationFinding.objects.select_related("purchase", "subscription").get(pk=finding_id)
    if finding.state != State.WAITING:
        raise NotRepairable("This issue is already closed.")
    source = Source(PurchaseEvent.Source.STAFF, actor_id=actor_id)
    if is_repairable(finding) and finding.subscription is not None:
        is_settled = _sync(finding, finding.subscription, source)
    elif not is_repairable(finding) or finding.purchase is None:
        raise NotRepairable("This can’t be repaired automatically; see the guide.")
    elif finding.kind == CREDITS_ARE_MISSING:
        grant_missing_credits(finding.purchase.pk, source)
        is_settled = True
    else:
        purchase = rerun_fulfilment(finding.purchase.pk, actor_id)
        is_settled = not purchase.attention  # credited or refunded
    if is_settled:
        _settle(finding, actor_id)
    return finding


def resolve_finding(finding_id: int, actor_id: UUID) -> ReconciliationFinding:
    """Close an issue that staff have resolved elsewhere. A closed one stays as it is."""
    finding = ReconciliationFinding.objects.get(pk=finding_id)
    if finding.state == State.WAITING:
        _settle(finding, actor_id)
    return finding


def is_repairable(finding: ReconciliationFinding) -> bool:
    """Return whether asking Stripe again, or granting the missing credits, can resolve an issue."""
    if finding.subscription_id is not None:
        return finding.kind in SYNCED
    attention = set(Purchase.Attention.values) - {"", "paid_twice", "return_currency"}
    return finding.purchase_id is not None and finding.kind in {*attention, CREDITS_ARE_MISSING}


def _sync(finding: ReconciliationFinding, subscription: Subscription, source: Source) -> bool:
    """Sync the subscription with Stripe, and return whether that resolved the issue."""
    named = "" if finding.kind == NOT_GRANTED else finding.object_id
    try:
        sync_subscription(subscription.pk, named, source)
    except IntegrityError:  # both are still alive
        return False
    except SubscriptionNotFound:
        end_missing(subscription.pk)
        return True
    except NoTerms:
        # Perhaps of another invoice, which has an issue of its own.
        if not _is_resolved(finding, subscription):
            raise
        return True
    return _is_resolved(finding, subscription)


def _is_resolved(finding: ReconciliationFinding, subscription: Subscription) -> bool:
    if finding.kind == NOT_GRANTED:
        invoices = subscription.invoices.filter(stripe_invoice_id=finding.object_id)
        return invoices.exclude(purchase=None).exists()
    if finding.kind != PRICE_UNKNOWN:
        return True
    subscription.refresh_from_db()
    return subscription.stripe_price_id == provider().retrieve_subscription(finding.object_id).price_id


def _settle(finding: ReconciliationFinding, actor_id: UUID) -> None:
    waiting = ReconciliationFinding.objects.filter(pk=finding.pk, state=State.WAITING)
    waiting.update(state=State.SETTLED, settled_by=actor_id, settled_at=timezone.now())
    finding.refresh_from_db()
