"""Query subscriptions."""

from __future__ import annotations

from uuid import UUID

from django.db.models import QuerySet

from billing.errors import UnknownSubscription
from billing.plans.models import Plan
from billing.subscriptions.models import Subscription
from credits.ledger.models import Account


def plans_are_used() -> bool:
    """Return whether plans are on sale, or ever were taken out: only then does Stripe have anything about them."""
    return Plan.objects.filter(is_active=True).exists() or Subscription.objects.exists()


def pays_for_plan(stripe_customer_id: str) -> bool:
    """Return whether a customer at Stripe has, had or is taking out a plan."""
    rows = Subscription.objects.filter(account__customer__stripe_customer_id=stripe_customer_id)
    return bool(stripe_customer_id) and rows.exists()


def plans_on_sale() -> list[Plan]:
    """Return the plans that can be subscribed to: on sale, with their price at Stripe."""
    return [plan for plan in Plan.objects.filter(is_active=True) if plan.current_price_id]


def subscriptions_of(account: Account) -> QuerySet[Subscription]:
    """Return the account's subscriptions that were taken out, newest first, with their terms."""
    taken_out = Subscription.objects.filter(account=account).exclude(stripe_subscription_id=None)
    return taken_out.prefetch_related("all_terms")


def alive_subscription(account: Account) -> Subscription | None:
    """Return the account's subscription, or its open checkout."""
    rows = Subscription.objects.filter(account=account).exclude(status__in=Subscription.ENDED)
    return rows.prefetch_related("all_terms").first()


def find_own_subscription(account: Account, subscription_id: UUID) -> Subscription:
    """Return the account's subscription with this id. Raises `UnknownSubscription`."""
    found = subscriptions_of(account).filter(pk=subscription_id).first()
    if found is None:
        raise UnknownSubscription("No subscription has this id.")
    return found
