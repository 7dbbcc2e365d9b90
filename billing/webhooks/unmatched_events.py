"""Events that still wait for their payment: looked at again by a job, until they are too old to be early.

Another product may use the same Stripe account: what is of no payment here after some hours is not ours.
"""

from __future__ import annotations

import datetime

from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from billing.inbox.models import InboxEvent
from billing.purchases.models import Payment
from billing.webhooks.receiving import reapply_events

Status = InboxEvent.Status

# How long an event may be early. Stripe delivers within seconds, and sends again for days what we failed to answer.
EARLY_FOR = datetime.timedelta(hours=6)
AT_ONCE = 1000


def look_again() -> int:
    """Applies what waits for a payment that is known by now; the rest is not ours once it is `EARLY_FOR` old. One that
    can't be applied is noted in the inbox as failed, and holds up no other. How many events were settled.
    """
    known = Payment.objects.filter(
        Q(stripe_payment_intent_id=OuterRef("payment_ref")) | Q(stripe_charge_id=OuterRef("payment_ref"))
    )
    unmatched = InboxEvent.objects.filter(status=Status.UNMATCHED)
    found = unmatched.exclude(payment_ref="").filter(Exists(known)).order_by("received_at")
    again = list(reapply_events(found.values_list("pk", flat=True)[:AT_ONCE]))
    settled = sum(one.error is None and one.status != Status.UNMATCHED for one in again)
    old = unmatched.filter(received_at__lt=timezone.now() - EARLY_FOR)
    return settled + old.update(status=Status.NOT_OURS, applied_at=timezone.now())
