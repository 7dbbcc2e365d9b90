"""Receive a Stripe event: store it and apply its effect, in one short transaction, without network calls.

Status and effect commit together. An event that fails has no effect, stays in the inbox as failed with the reason, and
is answered with an error so that Stripe redelivers it (https://docs.stripe.com/webhooks#retries); the redelivery isn't
taken for a duplicate. One that can never succeed is not requested again, but kept with the reason.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import structlog
from django.db import connection, transaction
from django.utils import timezone
from psycopg.types.json import Jsonb

from billing.deferring import defer_mirroring
from billing.inbox.models import InboxEvent
from billing.inbox.outcomes import Outcome, Reference
from billing.provider import provider
from billing.provider.errors import MalformedStripeObject
from billing.provider.objects import ProviderEvent
from billing.provider.storing import storable_json
from billing.purchases.buyer_traces import is_about_erased
from billing.purchases.payments import take_turn
from billing.webhooks.handlers import apply_event
from core.tracing.spans import span

log = structlog.get_logger(__name__)
Status = InboxEvent.Status


def receive_event(event: ProviderEvent) -> InboxEvent.Status:
    """Store and apply the event once, despite repeated or concurrent deliveries; only store other accounts' or modes'.

    Raises:
        Exception: any reason it couldn't be applied, after the inbox has recorded it.
    """
    log.info("event_received", stripe_event=event.id, type=event.type)
    try:
        with span("receive event", attributes=_names(event)), transaction.atomic(durable=True):
            return _store_and_apply(event)
    except MalformedStripeObject as error:
        return _note(event, Status.UNREADABLE, error)
    except Exception as error:
        _note(event, Status.FAILED, error)
        raise


def keep_unreadable(event_id: str, payload: dict[str, Any], reason: str) -> InboxEvent.Status:
    """Store a signed but unreadable event for staff. Redelivery wouldn't help."""
    log.error("unreadable_event", stripe_event=event_id, reason=reason)
    InboxEvent.objects.get_or_create(
        id=event_id,
        defaults={
            "type": "unreadable",
            "payload": payload,
            "stripe_created": timezone.now(),
            "status": Status.UNREADABLE,
            "note": reason[:300],
        },
    )
    return Status.UNREADABLE


def reapply_event(event_id: str) -> InboxEvent.Status:
    """Apply a stored event again, whatever its status; every effect is idempotent.

    Raises:
        InboxEvent.DoesNotExist: no such event.
        Exception: any reason it couldn't be applied, after the inbox has recorded it.
    """
    event = provider().read_event(InboxEvent.objects.get(pk=event_id).payload)
    try:
        with transaction.atomic(durable=True):
            take_turn(event.payment_ref)
            InboxEvent.objects.select_for_update().get(pk=event_id)
            return _apply(event)
    except InboxEvent.DoesNotExist:  # deleted meanwhile (`billing.inbox.retention`), so it had been applied
        raise
    except Exception as error:
        _note(event, Status.UNREADABLE if isinstance(error, MalformedStripeObject) else Status.FAILED, error)
        raise


@dataclass(frozen=True)
class Reapplied:
    """The outcome of reapplying a stored event: its status, or the error."""

    event_id: str
    status: InboxEvent.Status | None = None
    error: Exception | None = None


def reapply_events(event_ids: Iterable[str]) -> Iterator[Reapplied]:
    """Reapply each event in its own transaction, yielding each outcome; a failed one doesn't stop the others."""
    return map(_reapply, event_ids)


def _reapply(event_id: str) -> Reapplied:
    try:
        return Reapplied(event_id, status=reapply_event(event_id))
    except Exception as error:  # noqa: BLE001 - reported to the caller; the others continue
        return Reapplied(event_id, error=error)


def _store_and_apply(event: ProviderEvent) -> InboxEvent.Status:
    status = _store(event)
    return status if status in InboxEvent.DONE else _apply(event)


def _apply(event: ProviderEvent) -> InboxEvent.Status:
    reason = provider().why_not_ours(event)
    if reason:
        return _finish(event, Outcome(Status.IGNORED, note=reason))
    outcome = apply_event(event)
    if outcome.status == Status.UNMATCHED:
        _log_unmatched(event, outcome.reference)
    if outcome.status in (Status.APPLIED, Status.STORED) and provider().is_mirrored(event.type):
        defer_mirroring(event.id, str(event.subject.get("id", event.id)))
    return _finish(event, outcome)


def _names(event: ProviderEvent) -> dict[str, str]:
    """Return what a trace says of an event."""
    return {"stripe.event.id": event.id, "stripe.event.type": event.type}


def _log_unmatched(event: ProviderEvent, reference: Reference) -> None:
    """Log an unmatched event, without its reference, which may contain anything."""
    say = log.warning if reference in (Reference.MISSING, Reference.FOREIGN) else log.info
    say("event_unmatched", stripe_event=event.id, type=event.type, reference=reference.value)


COLUMNS = "(id, type, api_version, livemode, account, payment_ref, payload, stripe_created, note, status)"
# One statement takes the payment's turn, stores the event or locks its existing row, and returns its status.
STORE = f"""
WITH turn AS MATERIALIZED (SELECT pg_advisory_xact_lock(hashtextextended(nullif(%s, ''), 0)) AS taken)
INSERT INTO inbox_inboxevent {COLUMNS}
SELECT %s, %s, %s, %s, %s, %s, %s, %s, %s, %s FROM turn
ON CONFLICT (id) DO UPDATE SET attempts = inbox_inboxevent.attempts + 1
RETURNING status
"""  # noqa: S608 - of our own constants alone

NOTE = f"""
INSERT INTO inbox_inboxevent {COLUMNS} VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
ON CONFLICT (id) DO UPDATE
SET attempts = inbox_inboxevent.attempts + 1, status = excluded.status, note = excluded.note
WHERE inbox_inboxevent.status <> ALL (%s)
"""  # noqa: S608 - of our own constants alone


def _store(event: ProviderEvent) -> InboxEvent.Status:
    with connection.cursor() as cursor:
        cursor.execute(STORE, [event.payment_ref, *_row(event, Status.RECEIVED, "")])
        (status,) = cursor.fetchone()
    return Status(status)


def _finish(event: ProviderEvent, outcome: Outcome) -> InboxEvent.Status:
    """Record the outcome, and mask the payload if its buyer was erased."""
    changes: dict[str, Any] = {
        "status": outcome.status,
        "note": outcome.note[:300],
        "purchase": outcome.purchase,
        "applied_at": timezone.now(),
    }
    if _is_of_erased(event, outcome):
        changes["payload"] = provider().masked(storable_json(event.payload))
    InboxEvent.objects.filter(pk=event.id).update(**changes)
    return outcome.status


def _is_of_erased(event: ProviderEvent, outcome: Outcome) -> bool:
    if outcome.purchase is None or outcome.purchase.user is None:
        return is_about_erased(event.payload)
    return outcome.purchase.user.erased_at is not None


def _note(event: ProviderEvent, status: Status, error: Exception) -> InboxEvent.Status:
    reason = f"{type(error).__name__}: {error}"[:300]
    log.exception("event_not_applied", stripe_event=event.id, type=event.type, status=status)
    done = [each.value for each in InboxEvent.DONE]
    hides = is_about_erased(event.payload)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(NOTE, [*_row(event, status, reason, hides=hides), done])
    return status


def _row(event: ProviderEvent, status: Status, note: str, *, hides: bool = False) -> list[Any]:
    kept = storable_json(event.payload)
    return [
        event.id, event.type, event.api_version, event.livemode, event.account, event.payment_ref,
        Jsonb(provider().masked(kept) if hides else kept), event.created, note, status.value,
    ]  # fmt: skip
