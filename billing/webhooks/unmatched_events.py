"""Retry events that wait for their payment, until they are too old to be early.

Another product may use the same Stripe account: events without a payment here after some hours aren't ours.
"""

from __future__ import annotations

import datetime

from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from billing.inbox.models import InboxEvent
from billing.purchases.models import Payment
from billing.webhooks.receiving import reapply_events

Status = InboxEvent.Status

# How long an event may be early. Stripe delivers within seconds, and redelivers unanswered events for days.
EARLY_FOR = datetime.timedelta(hours=6)
AT_ONCE = 1000


def look_again() -> int:
    """Apply events whose payment is now known, and mark the rest after `EARLY_FOR` as not ours; return how many."""
    known = Payment.objects.filter(
        Q(stripe_payment_intent_id=OuterRef("payment_ref")) | Q(stripe_charge_id=OuterRef("payment_ref"))
    )
    unmatched = InboxEvent.objects.filter(status=Status.UNMATCHED)
    found = unmatched.exclude(payment_ref="").filter(Exists(known)).order_by("received_at")
    again = list(reapply_events(found.values_list("pk", flat=True)[:AT_ONCE]))
    settled = sum(one.error is None and one.status != Status.UNMATCHED for one in again)
    old = unmatched.filter(received_at__lt=timezone.now() - EARLY_FOR)
    return settled + old.update(status=Status.NOT_OURS, applied_at=timezone.now())
