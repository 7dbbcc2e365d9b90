"""Hands stored events to dj-stripe's mirror, in the background."""

from __future__ import annotations

from django.utils import timezone

from billing.buyer_traces import is_about_erased
from billing.models import InboxEvent
from billing.stripe_mirror import mirror_event


def mirror_stored_event(event_id: str) -> None:
    """Mirrors what the event is about and notes the time. An event that the retention job took away is skipped, and one
    about an erased buyer: the object would come whole from Stripe, with all that was hidden here.

    Raises:
        Exception: whatever kept it from being mirrored; the job is tried again later.
    """
    event = InboxEvent.objects.filter(pk=event_id).first()
    if event is not None and not is_about_erased(event.payload):
        mirror_event(event.payload)
        InboxEvent.objects.filter(pk=event_id).update(mirrored_at=timezone.now())
