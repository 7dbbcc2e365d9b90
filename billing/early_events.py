"""Refunds and disputes that were reported before their payment: kept in the inbox until it is known.

Whoever learns of a payment applies what waits for it, in the same transaction. The two can't miss each other, as both
take the payment's turn first (`billing.payments.take_turn`). A job looks again at what still waits, and after some
hours says that it is not ours: another product may use the same Stripe account.
"""

from __future__ import annotations

import datetime

import structlog
from django.db import transaction
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from billing.models import InboxEvent, Payment
from billing.outcomes import Outcome
from billing.payments import take_turn
from billing.return_events import RETURN_HANDLERS
from billing.stripe_objects import StripeEvent

log = structlog.get_logger(__name__)
Status = InboxEvent.Status

# How long an event may be early. Stripe delivers within seconds, and sends again for days what we failed to answer.
EARLY_FOR = datetime.timedelta(hours=6)
AT_ONCE = 1000


def apply_early_events(payment: Payment | None) -> int:
    """Applies what was reported of a payment before it was known, in the caller's transaction, which has the payment's
    turn and its purchase's lock. How many events there were.
    """
    if payment is None:
        return 0
    named = [
        payment.stripe_payment_intent_id,
        *([payment.stripe_charge_id] if payment.stripe_charge_id else []),
    ]
    # One that was taken for another product's too: now it is known whose it is.
    waiting = InboxEvent.objects.filter(status__in=[Status.UNMATCHED, Status.NOT_OURS], payment_ref__in=named)
    applied = 0
    for row in waiting.order_by("stripe_created", "id"):
        applied += _apply(row)
    return applied


def look_again() -> int:
    """Applies what waits for a payment that is known by now; the rest is not ours once it is `EARLY_FOR` old. How many
    events were settled.
    """
    known = Payment.objects.filter(
        Q(stripe_payment_intent_id=OuterRef("payment_ref")) | Q(stripe_charge_id=OuterRef("payment_ref"))
    )
    unmatched = InboxEvent.objects.filter(status=Status.UNMATCHED)
    found = unmatched.exclude(payment_ref="").filter(Exists(known)).order_by("received_at")
    settled = sum(
        _look_at(event_id, ref) for event_id, ref in found.values_list("pk", "payment_ref")[:AT_ONCE]
    )
    old = unmatched.filter(received_at__lt=timezone.now() - EARLY_FOR)
    return settled + old.update(status=Status.NOT_OURS, applied_at=timezone.now())


def _look_at(event_id: str, payment_ref: str) -> int:
    with transaction.atomic():
        take_turn(payment_ref)
        row = InboxEvent.objects.select_for_update().get(pk=event_id)
        return _apply(row) if row.status == Status.UNMATCHED else 0


def _apply(row: InboxEvent) -> int:
    """Whether the event has come to something."""
    handler = RETURN_HANDLERS.get(row.type)
    if handler is None:
        return 0
    outcome: Outcome = handler(StripeEvent.from_json(row.payload))
    if outcome.status == Status.UNMATCHED:
        return 0
    log.info("early_event_applied", stripe_event=row.pk, type=row.type)
    InboxEvent.objects.filter(pk=row.pk).update(
        status=outcome.status, note=outcome.note[:300], purchase=outcome.purchase, applied_at=timezone.now()
    )
    return 1
