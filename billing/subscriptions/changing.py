"""Change a subscription: to another plan or card, or to end with its period. Stripe is asked; its answer is taken over.

A dearer plan begins at once: Stripe charges the difference for the rest of the period, and the credits' difference is
granted when that is paid. A cheaper one, and the end, begin with the next period. No granted credits are touched.
"""

from __future__ import annotations

import structlog
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import User
from billing.customers.models import SavedMethod
from billing.deferring import defer_subscription_sync
from billing.errors import BillingError, SubscriptionFixed
from billing.provider import provider
from billing.subscriptions.models import GrantedLine, Subscription, Terms
from billing.subscriptions.subscribing import find_plan, require_manager
from billing.subscriptions.syncing import sync_subscription, take_over

log = structlog.get_logger(__name__)


def change_plan(user: User, subscription: Subscription, plan_code: str) -> Subscription:
    """Move a subscription to another plan, and return it as it is then.

    Raises:
        MayNotManageBilling: only who manages the account's billing may.
        UnknownPlan: no plan on sale has this code.
        SubscriptionFixed: it isn't running, or the plan has another currency or interval.
        PaymentDeclined: the bank declined the difference; nothing was changed.
        StripeBusy, StripeUnavailable, StripeRefused: no answer; asking again tells.
    """
    require_manager(user, subscription.account)
    _require_running(subscription)
    plan, terms = find_plan(plan_code), subscription.terms
    if (plan.currency, plan.interval) != (terms.currency, terms.interval):
        raise SubscriptionFixed(
            _("This plan has another currency or billing period. Cancel, then subscribe to it.")
        )
    if plan.code == terms.plan_code:
        return subscription
    Terms.of_plan(subscription, plan)
    at_once = plan.price_minor > price_paid(subscription)
    with provider().place():
        asked_at = timezone.now()
        changed = provider().change_price(
            str(subscription.stripe_subscription_id),
            subscription.stripe_item_id,
            plan.current_price_id,
            at_once=at_once,
        )
        take_over(subscription.pk, changed, asked_at)
        try:
            return sync_subscription(subscription.pk)
        except BillingError as error:  # Stripe has changed it: what it charged is granted by the job
            log.warning("changed_not_synced", subscription=str(subscription.pk), code=error.code)
            defer_subscription_sync(subscription.pk, changed.id)
    return Subscription.objects.prefetch_related("all_terms").get(pk=subscription.pk)


def price_paid(subscription: Subscription) -> int:
    """Return the highest price that was charged for the running period: after a downgrade, the former plan's. Stripe
    would credit what a change to a lower price, made at once, leaves of it, though its credits stay.
    """
    lines = GrantedLine.objects.filter(
        invoice__subscription=subscription, invoice__issued_at__gte=subscription.period_start
    )
    charged = subscription.all_terms.filter(stripe_price_id__in=lines.values("stripe_price_id"))
    return max([subscription.terms.price_minor, *charged.values_list("price_minor", flat=True)])


def set_ending(user: User, subscription: Subscription, *, ends: bool) -> Subscription:
    """Let a subscription end with its period, or go on after all. Raises as `change_plan`."""
    require_manager(user, subscription.account)
    require_alive(subscription)
    return ask_ending(subscription, ends=ends)


def ask_ending(subscription: Subscription, *, ends: bool) -> Subscription:
    """Have a subscription that is alive end or go on at Stripe, and take its answer over."""
    with provider().place():
        asked_at = timezone.now()
        changed = provider().set_ending(str(subscription.stripe_subscription_id), ends=ends)
        take_over(subscription.pk, changed, asked_at)
    return Subscription.objects.prefetch_related("all_terms").get(pk=subscription.pk)


def charge_to(user: User, subscription: Subscription, method: SavedMethod) -> None:
    """Have a subscription's next invoices charged to this card: Stripe keeps one for it, whatever the default is.

    Raises:
        MayNotManageBilling: only who manages the account's billing may.
        StripeBusy, StripeUnavailable, StripeRefused: it is charged to the same card as before.
    """
    require_manager(user, subscription.account)
    with provider().place():
        provider().charge_subscription_to(
            str(subscription.stripe_subscription_id), method.stripe_payment_method_id
        )


def require_alive(subscription: Subscription) -> None:
    """Require a subscription at Stripe that hasn't ended. Raises `SubscriptionFixed`."""
    if not subscription.is_alive:
        raise SubscriptionFixed(_("This subscription has ended."))
    if subscription.stripe_subscription_id is None:
        raise SubscriptionFixed(_("This subscription isn’t taken out yet."))


def _require_running(subscription: Subscription) -> None:
    require_alive(subscription)
    if subscription.status not in Subscription.RUNNING:
        raise SubscriptionFixed(_("Pay the open invoice first."))
