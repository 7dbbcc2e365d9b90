"""Mirror stored events, and on request all of Stripe's objects, with dj-stripe."""

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
    """Mirror the event's object, unless the event was deleted or its buyer erased: Stripe's copy is unredacted.

    Raises:
        Exception: any reason it couldn't be mirrored; the job is retried later.
    """
    event = InboxEvent.objects.filter(pk=event_id).first()
    if event is not None and not is_about_erased(event.payload):
        mirror_event(event.payload)
        InboxEvent.objects.filter(pk=event_id).update(mirrored_at=timezone.now())


@dataclass(frozen=True)
class Copied:
    """The outcome of mirroring one object: ``mirrored``, ``skipped`` (its buyer was erased) or ``failed``."""

    stripe_id: str
    outcome: str
    error: Exception | None = None


def mirror_all(kind: str) -> Iterator[Copied]:
    """Mirror every object of a kind (`LISTED` in `billing.stripe.mirror`), yielding each outcome despite failures.

    Raises:
        StripeUnavailable, StripeRefused: the list could not be read.
    """
    for stripe_object in list_at_stripe(kind):
        if is_about_erased({"data": {"object": stripe_object}}):
            yield Copied(stripe_object["id"], "skipped")
            continue
        try:
            mirror_present(stripe_object)
        except Exception as error:  # dj-stripe may raise anything
            log.exception("object_not_mirrored", stripe_object=stripe_object["id"])
            yield Copied(stripe_object["id"], "failed", error)
        else:
            yield Copied(stripe_object["id"], "mirrored")
