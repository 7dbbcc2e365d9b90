"""Subscribe an account to a plan: from the button to the URL of Stripe's checkout page.

The intent is committed first, then Stripe is called with a key made from its id, then the answer is recorded. One
subscription per account is alive, an open checkout included: another plan closes the checkout before it opens its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import User
from accounts.presence import keep_from_erasure
from billing.checkout.starting import check_purchase_rate
from billing.customers.at_stripe import with_customer
from billing.customers.permissions import manages_billing
from billing.errors import AlreadySubscribed, MayNotManageBilling, UnknownPlan
from billing.plans.models import Plan
from billing.provider import provider
from billing.provider.errors import StripeRefused, StripeUnavailable
from billing.provider.interface import SubscriptionRequest
from billing.provider.objects import CheckoutSession
from billing.subscriptions.models import Subscription, Terms
from billing.subscriptions.selectors import alive_subscription
from billing.subscriptions.syncing import sync_subscription
from billing.tax import taxes_sales
from credits.ledger.models import Account

log = structlog.get_logger(__name__)
Status = Subscription.Status
# A checkout is offered again only while there is time to pay it.
TIME_TO_PAY = timedelta(minutes=5)
# How long the call that opens a checkout may take; one that takes longer finds itself closed.
BEING_OPENED = timedelta(minutes=1)


@dataclass(frozen=True)
class StartedSubscription:
    """A subscription to be taken out at ``checkout_url``."""

    subscription: Subscription
    checkout_url: str
    session_id: str


def subscribe(user: User, account: Account, plan_code: str) -> StartedSubscription:
    """Open a checkout for a plan. While one is open for the same plan, return that.

    Raises:
        MayNotManageBilling: only the account's owner, or the team's owner and admins, may.
        UnknownPlan: no plan on sale has this code.
        AlreadySubscribed: the account has a subscription, or another call is taking one out.
        TooManyPurchases: too many in a short time.
        UserErased: the user was just erased.
        StripeBusy, StripeUnavailable, StripeRefused: no checkout could be opened.
        WrongStripeAccount: the key belongs to another account or mode than our data.
    """
    require_manager(user, account)
    plan = find_plan(plan_code)
    check_purchase_rate(user)
    with provider().place():
        provider().require_own_account()
        earlier = alive_subscription(account)
        if earlier is not None:
            again = _offered_again(earlier, plan)
            if again is not None:
                return again
            _close(earlier)
        return _open_checkout(_commit_intent(user, account, plan), user)


def require_manager(user: User, account: Account) -> None:
    """Require that the user manages the account's billing. Raises `MayNotManageBilling`."""
    if not manages_billing(user, account):
        raise MayNotManageBilling(_("Only the team’s owner and admins can do this."))


def find_plan(code: str) -> Plan:
    """Return the plan on sale with this code.

    Raises:
        UnknownPlan: there is none, or Stripe doesn't have its price yet.
    """
    plan = Plan.objects.filter(code=code, is_active=True).first()
    if plan is None or not plan.current_price_id:
        raise UnknownPlan(_("No plan on sale has this code."), plan_code=code[:100])
    return plan


def _offered_again(earlier: Subscription, plan: Plan) -> StartedSubscription | None:
    if earlier.status != Status.PENDING:
        raise AlreadySubscribed(_("You already have a plan. Change it on the billing page."))
    if earlier.stripe_session_id is None and earlier.created_at > timezone.now() - BEING_OPENED:
        raise AlreadySubscribed(_("A plan is being taken out for this account already."))
    is_fresh = _ends_at(earlier) > timezone.now() + TIME_TO_PAY
    if is_fresh and earlier.stripe_session_id and earlier.stripe_price_id == plan.current_price_id:
        return StartedSubscription(earlier, earlier.checkout_url, earlier.stripe_session_id)
    return None


def _close(earlier: Subscription) -> None:
    """Close an open checkout, unless it was paid a moment ago. One whose URL nobody got can't be paid."""
    if earlier.stripe_session_id:
        try:
            provider().expire_session(earlier.stripe_session_id)
        except StripeRefused:
            log.info("subscription_checkout_was_over", subscription=str(earlier.pk))
            if sync_subscription(earlier.pk).status != Status.EXPIRED:
                raise AlreadySubscribed(
                    _("You already have a plan. Change it on the billing page.")
                ) from None
    Subscription.objects.filter(pk=earlier.pk, status=Status.PENDING).update(status=Status.EXPIRED)


@transaction.atomic(durable=True)  # Stripe is called next
def _commit_intent(user: User, account: Account, plan: Plan) -> Subscription:
    keep_from_erasure(user.pk)
    # A trial is for those who never had a plan.
    had_one = Subscription.objects.filter(account=account).exclude(stripe_subscription_id=None).exists()
    try:
        with transaction.atomic():
            subscription = Subscription.objects.create(
                account=account,
                created_by=user,
                stripe_price_id=plan.current_price_id,
                trial_days=0 if had_one else plan.trial_days,
            )
    except IntegrityError as error:
        raise AlreadySubscribed(_("A plan is being taken out for this account already.")) from error
    Terms.of_plan(subscription, plan)
    subscription.refresh_from_db()
    return subscription


def _ends_at(subscription: Subscription) -> datetime:
    return subscription.created_at + settings.CHECKOUT_SESSION_LIFETIME


def _open_checkout(subscription: Subscription, user: User) -> StartedSubscription:
    page = f"{settings.SITE_URL}/credits/billing/"

    def create(customer_id: str) -> CheckoutSession:
        return provider().create_subscription_session(
            SubscriptionRequest(
                subscription_id=str(subscription.pk),
                user_id=str(user.pk),
                customer_id=customer_id,
                price_id=subscription.stripe_price_id,
                plan_code=subscription.terms.plan_code,
                trial_days=subscription.trial_days,
                success_url=f"{page}?subscribed={subscription.pk}",
                cancel_url=page,
                expires_at=_ends_at(subscription),
                with_tax_details=settings.STRIPE_INVOICES,
                with_tax=taxes_sales(),
            )
        )

    try:
        session = with_customer(subscription.account, create)
    except (StripeUnavailable, StripeRefused):
        Subscription.objects.filter(pk=subscription.pk, status=Status.PENDING).update(status=Status.EXPIRED)
        raise
    pending = Subscription.objects.filter(pk=subscription.pk, status=Status.PENDING)
    if not pending.update(stripe_session_id=session.id, checkout_url=session.url):
        provider().expire_session(session.id)  # closed meanwhile: nobody may pay it
        raise AlreadySubscribed(_("A plan is being taken out for this account already."))
    log.info("subscription_checkout_created", session=session.id, subscription=str(subscription.pk))
    subscription.refresh_from_db()
    return StartedSubscription(subscription, session.url, session.id)
