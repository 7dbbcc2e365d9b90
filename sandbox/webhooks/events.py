"""Events: what happened, told in Stripe's envelope with a copy of the object as it was at that moment."""

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

import stripe

from sandbox import store
from sandbox.shapes import Json, make_object
from sandbox.webhooks.outbox import enqueue_event


@dataclass(frozen=True)
class _Origin:
    """The API request that causes events; both None for what happens by itself."""

    request_id: str | None = None
    idempotency_key: str | None = None


_BY_ITSELF = _Origin()
_origin: ContextVar[_Origin] = ContextVar("origin", default=_BY_ITSELF)


@contextmanager
def acting_for(request_id: str | None, idempotency_key: str | None = None) -> Iterator[None]:
    """Events emitted inside name this request as their cause."""
    token = _origin.set(_Origin(request_id, idempotency_key))
    try:
        yield
    finally:
        _origin.reset(token)


def emit(event_type: str, subject: Json, previous: Json | None = None) -> Json:
    """Record that something happened to an object and put it on its way to every endpoint that wants it.

    `previous` holds the former values of the fields that changed. Call it inside `store.writing()`: the event is
    sent when, and only when, the change it tells of is there to be read.
    """
    return publish(build_event(event_type, subject, previous))


def build_event(event_type: str, subject: Json, previous: Json | None = None) -> Json:
    """Wrap a copy of an object in an event's envelope."""
    data: Json = {"object": copy.deepcopy(subject)}
    if previous is not None:
        data["previous_attributes"] = copy.deepcopy(previous)
    origin = _origin.get()
    return make_object(
        "event",
        type=event_type,
        api_version=stripe.api_version,
        data=data,
        request={"id": origin.request_id, "idempotency_key": origin.idempotency_key},
    )


def publish(event: Json) -> Json:
    """Store a finished event and hand it to the outbox."""
    record = store.add_object(event)
    event["pending_webhooks"] = enqueue_event(event)
    store.change(record, pending_webhooks=event["pending_webhooks"])
    return event
