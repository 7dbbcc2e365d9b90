"""Define the outcomes of events, for the inbox."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from billing.inbox.models import InboxEvent
from billing.provider.objects import ProviderEvent
from billing.purchases.log import Source
from billing.purchases.models import Purchase, PurchaseEvent
from core.uuids import as_uuid


class Reference(Enum):
    """The way an event refers to a purchase. Refunds and disputes only name their payment."""

    PAYMENT = "payment"
    MISSING = "missing"
    FOREIGN = "foreign"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Outcome:
    """An event's new status, its purchase and a note."""

    status: InboxEvent.Status
    purchase: Purchase | None = None
    note: str = ""
    reference: Reference = Reference.PAYMENT


STORED = Outcome(InboxEvent.Status.STORED)
APPLIED = Outcome(InboxEvent.Status.APPLIED)


def applied_to(purchase: Purchase, note: str = "") -> Outcome:
    return Outcome(InboxEvent.Status.APPLIED, purchase, note)


def unmatched(reference: str | None = None) -> Outcome:
    """Return the outcome of an event that matches nothing yet. ``reference`` is None if it only names a payment."""
    if reference is None:
        return _unmatched("It names no known payment or purchase.", Reference.PAYMENT)
    if not reference:
        return _unmatched("It has no purchase reference and names no known payment.", Reference.MISSING)
    if as_uuid(reference) is None:
        return _unmatched(
            f"It refers to {reference[:200]!r}, which is not one of our purchases.", Reference.FOREIGN
        )
    return _unmatched(f"It refers to {reference[:200]!r}.", Reference.UNKNOWN)


def _unmatched(note: str, reference: Reference) -> Outcome:
    return Outcome(InboxEvent.Status.UNMATCHED, note=note, reference=reference)


def source_of(event: ProviderEvent) -> Source:
    return Source(PurchaseEvent.Source.WEBHOOK, stripe_event_id=event.id)
