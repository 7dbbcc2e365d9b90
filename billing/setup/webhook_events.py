"""List the events that Stripe's webhook endpoint should send, for us to handle or to mirror."""

from __future__ import annotations

from billing.stripe.mirror import is_mirrored
from billing.stripe.objects.events import KINDS

# Only update the mirror.
FOR_THE_MIRROR = (
    "charge.updated",
    "customer.created",
    "payment_intent.canceled",
    "payment_intent.processing",
)
WANTED_EVENTS = tuple(sorted({*KINDS, *FOR_THE_MIRROR}))


def missing_events(enabled: list[str]) -> list[str]:
    """Return the events that we want but don't get."""
    return [] if "*" in enabled else sorted(set(WANTED_EVENTS) - set(enabled))


def superfluous_events(enabled: list[str]) -> list[str]:
    """Return the events that we get but don't use; ``*`` means all."""
    return [event for event in sorted(enabled) if not (event in KINDS or is_mirrored(event))]
