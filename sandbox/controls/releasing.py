"""Release held deliveries: in any order, several times, or not at all."""

import random
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Annotated, Literal

from django.db import connections
from msgspec import Meta

from sandbox import store
from sandbox.controls.answering import Positive
from sandbox.models import Delivery
from sandbox.shapes import Json
from sandbox.webhooks.sending import record_attempt, send


def release(
    *,
    order: Literal["fifo", "reverse", "shuffle"] = "fifo",
    copies: Positive = 1,
    seed: int | None = None,
    types: list[str] | None = None,
    drop: tuple[str, ...] = (),
    replay: bool = False,
    concurrency: Annotated[int, Meta(ge=1, le=64)] = 1,
) -> Json:
    """Send held deliveries and wait for each answer. Return each with its answer, and how many were dropped.

    What the receiver refuses stays held. No lock is held while sending: the receiver may call back.
    """
    dropped = drop_held(drop) if drop else 0
    queue = [
        pk
        for pk in _list_released(types, replay=replay, newest_first=order == "reverse")
        for _ in range(copies)
    ]
    if order == "shuffle":
        random.Random(seed).shuffle(queue)  # noqa: S311 - a repeatable order, not a secret
    with ThreadPoolExecutor(concurrency) as threads:
        return {"released": list(threads.map(_send_in_thread, queue)), "dropped": dropped}


def drop_held(types: Sequence[str] | None) -> int:
    """Drop held deliveries, of these types or all. Return how many."""
    with store.writing():
        held = Delivery.objects.filter(state=Delivery.State.HELD)
        chosen = held.filter(event_type__in=types) if types is not None else held
        return chosen.update(state=Delivery.State.DROPPED)


def _list_released(types: Sequence[str] | None, *, replay: bool, newest_first: bool) -> list[int]:
    states = [Delivery.State.HELD]
    if replay:
        states += [Delivery.State.DELIVERED, Delivery.State.FAILED]
    chosen = Delivery.objects.filter(state__in=states).order_by("-id" if newest_first else "id")
    if types is not None:
        chosen = chosen.filter(event_type__in=types)
    return list(chosen.values_list("pk", flat=True))


def _send_in_thread(pk: int) -> Json:
    try:
        return _send_one(pk)
    finally:
        connections.close_all()


def _send_one(pk: int) -> Json:
    result = send(Delivery.objects.get(pk=pk))
    with store.writing():
        delivery = Delivery.objects.filter(pk=pk).first()
        if delivery is None:
            return {"id": pk, "answer": result.to_json()}
        # Once delivered, always delivered: a refused copy doesn't change that.
        is_delivered = result.is_success or delivery.state == Delivery.State.DELIVERED
        record_attempt(delivery, result, Delivery.State.DELIVERED if is_delivered else Delivery.State.HELD)
        return {**describe(delivery), "answer": result.to_json()}


def describe(delivery: Delivery) -> Json:
    """Return a delivery with its attempts, as the controls show it."""
    return {
        "id": delivery.pk,
        "event": delivery.event,
        "type": delivery.event_type,
        "endpoint": delivery.endpoint,
        "url": delivery.url,
        "state": delivery.state,
        "attempts": delivery.attempts,
    }
