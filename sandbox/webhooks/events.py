"""Emit events: Stripe's envelope around a copy of the object as it was at that moment."""

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import stripe

from sandbox import store
from sandbox.models import Record
from sandbox.shapes import Json, make_object
from sandbox.webhooks.outbox import enqueue_event

# An event's `request`: what caused it. Both are None for what happens by itself.
_cause: ContextVar[tuple[str | None, str | None]] = ContextVar("cause", default=(None, None))


@contextmanager
def acting_for(request_id: str | None, idempotency_key: str | None = None) -> Iterator[None]:
    """Name this request as the cause of the events emitted inside."""
    token = _cause.set((request_id, idempotency_key))
    try:
        yield
    finally:
        _cause.reset(token)


def emit(event_type: str, subject: Json, previous: Json | None = None) -> Json:
    """Store an event about an object and send it to every endpoint that wants it.

    `previous` holds the former values of the changed fields. Call inside `store.writing()`: the event is sent if, and
    only if, its change is committed.
    """
    return publish(build_event(event_type, subject, previous))


def change_and_emit(record: Record, event_type: str, **fields: object) -> None:
    """Set fields of an object, and emit an event if any of them changed."""
    previous = store.change(record, **fields)
    if previous:
        emit(event_type, record.data, previous)


def build_event(event_type: str, subject: Json, previous: Json | None = None) -> Json:
    data: Json = {"object": copy.deepcopy(subject)}
    if previous is not None:
        data["previous_attributes"] = copy.deepcopy(previous)
    request_id, idempotency_key = _cause.get()
    return make_object(
        "event",
        type=event_type,
        api_version=stripe.api_version,
        data=data,
        request={"id": request_id, "idempotency_key": idempotency_key},
    )


def publish(event: Json) -> Json:
    """Store a complete event and send it."""
    record = store.add_object(event)
    event["pending_webhooks"] = enqueue_event(event)
    store.change(record, pending_webhooks=event["pending_webhooks"])
    return event
