"""Hands stored events to dj-stripe's mirror, in the background, and on request all that Stripe holds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import structlog
from django.utils import timezone

from billing.inbox.models import InboxEvent
from billing.purchases.buyer_traces import is_about_erased
from billing.stripe.mirror import list_at_stripe, mirror_event, mirror_present

log = structlog.get_logger(__name__)


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


@dataclass(frozen=True)
class Copied:
    """What came of copying one object of Stripe's: ``mirrored``, ``skipped`` (its buyer was erased) or ``failed``."""

    stripe_id: str
    outcome: str
    error: Exception | None = None


def mirror_all(kind: str) -> Iterator[Copied]:
    """Mirrors every object of a kind (`stripe_mirror.LISTED`) that Stripe holds, and tells of each. One that fails
    keeps none of the others.

    Raises:
        StripeUnavailable, StripeRefused: the list itself did not come.
    """
    for stripe_object in list_at_stripe(kind):
        if is_about_erased({"data": {"object": stripe_object}}):
            yield Copied(stripe_object["id"], "skipped")
            continue
        try:
            mirror_present(stripe_object)
        except Exception as error:  # dj-stripe's code is in it: whatever it stumbles over is told
            log.exception("object_not_mirrored", stripe_object=stripe_object["id"])
            yield Copied(stripe_object["id"], "failed", error)
        else:
            yield Copied(stripe_object["id"], "mirrored")
