"""Which events the webhook endpoint at Stripe is to send: those that do something here, and those for the mirror."""

from __future__ import annotations

from billing.stripe.mirror import is_mirrored
from billing.webhooks.handlers import HANDLERS

# They do nothing here but bring the mirror up to date.
FOR_THE_MIRROR = (
    "charge.updated",
    "customer.created",
    "customer.updated",
    "payment_intent.canceled",
    "payment_intent.processing",
    "payment_method.attached",
    "payment_method.updated",
)
WANTED_EVENTS = tuple(sorted({*HANDLERS, *FOR_THE_MIRROR}))


def missing_events(enabled: list[str]) -> list[str]:
    """Those that we want and don't get."""
    return [] if "*" in enabled else sorted(set(WANTED_EVENTS) - set(enabled))


def superfluous_events(enabled: list[str]) -> list[str]:
    """Those that we get and that do nothing here but fill the inbox; ``*`` is all there are."""
    return [event for event in sorted(enabled) if not (event in HANDLERS or is_mirrored(event))]
