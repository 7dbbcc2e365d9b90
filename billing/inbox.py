"""Takes in an event of Stripe's: stores it and applies its effect, in one short transaction, without a network call.

An event that is marked as done was done, because both commit together. One that fails leaves no effect, stays in the
inbox as failed with the reason, and is answered with an error so that Stripe sends it again
(https://docs.stripe.com/webhooks#retries); the repeat is applied then, and not taken for a duplicate.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import structlog
from django.db import connection, transaction
from django.utils import timezone
from psycopg.types.json import Jsonb

from billing.buyer_traces import is_about_erased
from billing.event_handlers import Outcome, apply_event
from billing.jobs import defer_mirroring
from billing.models import InboxEvent
from billing.personal_data import masked
from billing.stripe_objects import StripeEvent

log = structlog.get_logger(__name__)


def receive_event(event: StripeEvent) -> InboxEvent.Status:
    """Stores and applies the event, once, however often and however concurrently it is delivered.

    Raises:
        Exception: whatever kept it from being applied, after the inbox has noted it.
    """
    try:
        with transaction.atomic(durable=True):
            return _take_in(event)
    except Exception as error:
        _note_failure(event, error)
        raise


def reapply_event(event_id: str) -> InboxEvent.Status:
    """Applies a stored event again, whatever came of it before. For staff; every effect is idempotent.

    Raises:
        InboxEvent.DoesNotExist: no such event.
        Exception: whatever kept it from being applied, after the inbox has noted it.
    """
    event = StripeEvent.from_json(InboxEvent.objects.get(pk=event_id).payload)
    try:
        with transaction.atomic(durable=True):
            InboxEvent.objects.select_for_update().get(pk=event_id)
            return _apply(event)
    except InboxEvent.DoesNotExist:  # forgotten meanwhile (`billing.retention`), so it had been applied
        raise
    except Exception as error:
        _note_failure(event, error)
        raise


@dataclass(frozen=True)
class Reapplied:
    """What came of a stored event that was applied again: where it stands, or the error that keeps it from it."""

    event_id: str
    status: InboxEvent.Status | None = None
    error: Exception | None = None


def reapply_events(event_ids: Iterable[str]) -> Iterator[Reapplied]:
    """Applies each again as `reapply_event` does, in a transaction of its own, and tells of it before the next one. One
    that fails is noted in the inbox and keeps none of the others.
    """
    return map(_try_again, event_ids)


def _try_again(event_id: str) -> Reapplied:
    try:
        return Reapplied(event_id, status=reapply_event(event_id))
    except Exception as error:  # noqa: BLE001 - any reason: whoever asked must hear it, and the others go on
        return Reapplied(event_id, error=error)


def _take_in(event: StripeEvent) -> InboxEvent.Status:
    status = _store(event)
    return status if status in InboxEvent.DONE else _apply(event)


def _apply(event: StripeEvent) -> InboxEvent.Status:
    outcome = apply_event(event)
    defer_mirroring(event)
    return _finish(event, outcome)


# One statement stores the event, or locks the row that a delivery before this one left, and says where it stands.
STORE = """
INSERT INTO billing_inboxevent (id, type, api_version, livemode, payload, stripe_created, note, status)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s)
ON CONFLICT (id) DO UPDATE SET attempts = billing_inboxevent.attempts + 1
RETURNING status
"""

NOTE_FAILURE = """
INSERT INTO billing_inboxevent (id, type, api_version, livemode, payload, stripe_created, note, status)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s)
ON CONFLICT (id) DO UPDATE
SET attempts = billing_inboxevent.attempts + 1, status = excluded.status, note = excluded.note
WHERE billing_inboxevent.status <> ALL (%s)
"""


def _store(event: StripeEvent) -> InboxEvent.Status:
    with connection.cursor() as cursor:
        cursor.execute(STORE, _row(event, InboxEvent.Status.RECEIVED, ""))
        (status,) = cursor.fetchone()
    return InboxEvent.Status(status)


def _finish(event: StripeEvent, outcome: Outcome) -> InboxEvent.Status:
    InboxEvent.objects.filter(pk=event.id).update(
        status=outcome.status, note=outcome.note[:300], purchase=outcome.purchase, applied_at=timezone.now()
    )
    return outcome.status


def _note_failure(event: StripeEvent, error: Exception) -> None:
    reason = f"{type(error).__name__}: {error}"[:300]
    log.exception("event_not_applied", stripe_event=event.id, type=event.type)
    done = [status.value for status in InboxEvent.DONE]
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(NOTE_FAILURE, [*_row(event, InboxEvent.Status.FAILED, reason), done])


def _row(event: StripeEvent, status: InboxEvent.Status, note: str) -> list[Any]:
    payload = Jsonb(_kept(event))
    return [
        event.id, event.type, event.api_version, event.livemode, payload, event.created, note, status.value,
    ]  # fmt: skip


def _kept(event: StripeEvent) -> dict[str, Any]:
    """What is stored of it. Of an erased buyer nothing personal comes in again; the effect needs nothing of that."""
    payload = dict(event.payload)
    kept: dict[str, Any] = masked(payload) if is_about_erased(payload) else payload
    return kept
