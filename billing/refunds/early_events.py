"""Apply refunds and disputes that were reported before their payment, in the transaction that records it.

Both sides take the payment's turn first (`billing.purchases.payments.take_turn`), so they can't miss each other.
`billing.webhooks.unmatched_events` handles those that keep waiting in the inbox.
"""

from __future__ import annotations

import structlog
from django.utils import timezone

from billing.inbox.models import InboxEvent
from billing.provider import provider
from billing.purchases.models import Payment
from billing.refunds.events import REVERSAL_HANDLERS

log = structlog.get_logger(__name__)
Status = InboxEvent.Status


def apply_early_events(payment: Payment | None) -> None:
    """Apply the payment's waiting events. The caller has its turn and its purchase's lock."""
    if payment is None:
        return
    named = [
        payment.stripe_payment_intent_id,
        *([payment.stripe_charge_id] if payment.stripe_charge_id else []),
    ]
    # Include events taken for another product's: now the payment is known to be ours.
    waiting = InboxEvent.objects.filter(status__in=[Status.UNMATCHED, Status.NOT_OURS], payment_ref__in=named)
    for row in waiting.order_by("stripe_created", "id"):
        _apply(row)


def _apply(row: InboxEvent) -> None:
    event = provider().read_event(row.payload)
    handler = REVERSAL_HANDLERS.get(event.kind)
    if handler is None:
        return
    outcome = handler(event)
    if outcome.status == Status.UNMATCHED:
        return
    log.info("early_event_applied", stripe_event=row.pk, type=row.type)
    InboxEvent.objects.filter(pk=row.pk).update(
        status=outcome.status, note=outcome.note[:300], purchase=outcome.purchase, applied_at=timezone.now()
    )
