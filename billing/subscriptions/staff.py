"""Let staff end a subscription with its period, or let it go on, for a subscriber who asks them to."""

from __future__ import annotations

from uuid import UUID

from accounts.audit.recording import record_act
from billing.subscriptions.changing import ask_ending, require_alive
from billing.subscriptions.models import Subscription


def set_ending_for(subscription_id: UUID, reason: str, *, ends: bool) -> Subscription:
    """Cancel or keep a subscription, audited before Stripe is asked: no request is without a name. Safe to repeat.

    Raises:
        SubscriptionFixed: it has ended, or isn't taken out yet.
        StripeBusy, StripeUnavailable, StripeRefused: no answer; asking again tells.
    """
    subscription = Subscription.objects.select_related("account").get(pk=subscription_id)
    require_alive(subscription)
    record_act(
        "cancellation_requested" if ends else "continuation_requested", subscription, {"reason": reason}
    )
    return ask_ending(subscription, ends=ends)
