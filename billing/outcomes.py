"""What came of an event, for the inbox."""

from __future__ import annotations

from dataclasses import dataclass

from billing.models import InboxEvent, Purchase, PurchaseEvent
from billing.purchase_log import Told
from billing.stripe_objects import StripeEvent


@dataclass(frozen=True)
class Outcome:
    """Where the event stands now, which purchase it was about, and what is to be said of it."""

    status: InboxEvent.Status
    purchase: Purchase | None = None
    note: str = ""


STORED = Outcome(InboxEvent.Status.STORED)
APPLIED = Outcome(InboxEvent.Status.APPLIED)


def applied_to(purchase: Purchase, note: str = "") -> Outcome:
    return Outcome(InboxEvent.Status.APPLIED, purchase, note)


def unmatched(reference: str = "") -> Outcome:
    """Nothing of ours is known to it; it may only be early."""
    note = (
        f"It refers to {reference[:200]!r}."
        if reference
        else "It names no payment or purchase that is known here."
    )
    return Outcome(InboxEvent.Status.UNMATCHED, note=note)


def told_by(event: StripeEvent) -> Told:
    return Told(PurchaseEvent.Source.WEBHOOK, stripe_event_id=event.id)
