"""Apply events about subscriptions and their invoices: each has Stripe asked for the state as it is now."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from billing.deferring import defer_subscription_sync
from billing.provider import provider
from billing.provider.objects import CheckoutSession, EventKind, ProviderEvent
from billing.subscriptions.models import Subscription
from core.uuids import as_uuid


def _reported(event: ProviderEvent) -> bool:
    about = provider().subscription_of(event)
    return bool(about.subscription_id) and _have_synced(about.subscription_id, about.reference)


def checkout_reported(session: CheckoutSession) -> bool:
    """Have the subscription of a checkout synced; return whether it is ours."""
    return _have_synced(session.subscription_id, session.reference)


def _have_synced(stripe_subscription_id: str, reference: str) -> bool:
    found = Subscription.objects.filter(stripe_subscription_id=stripe_subscription_id).first()
    ours = as_uuid(reference)
    if found is None and ours is not None:
        found = Subscription.objects.filter(pk=ours, stripe_subscription_id=None).first()
    if found is None:
        return False
    defer_subscription_sync(found.pk, stripe_subscription_id)
    return True


# Each returns whether the event is about a subscription of ours.
SUBSCRIPTION_HANDLERS: Mapping[EventKind | None, Callable[[ProviderEvent], bool]] = {
    EventKind.SUBSCRIPTION: _reported,
}
