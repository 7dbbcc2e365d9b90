"""Letting held deliveries go by hand: in any order, more than once, some never."""

import random
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from django.db import connections

from sandbox import store
from sandbox.models import Attempt, Delivery
from sandbox.shapes import Json
from sandbox.webhooks.sending import Result, record_attempt, send

ORDERS = ("fifo", "reverse", "shuffle")


@dataclass(frozen=True)
class Plan:
    """How to release. `types` None means all; `drop` lists types that are thrown away instead of sent."""

    order: str = "fifo"
    copies: int = 1
    seed: int | None = None
    types: Sequence[str] | None = None
    drop: Sequence[str] = field(default_factory=tuple)
    replay: bool = False
    concurrency: int = 1


def release(plan: Plan) -> tuple[list[Json], int]:
    """Send what is held, waiting for each answer. Returns every sending with its answer, and how many were dropped.

    What the receiver refuses stays held, to be released again. No lock is held while sending: the receiver may call.
    """
    dropped = drop(plan.drop) if plan.drop else 0
    queue = _line_up(plan)
    if plan.concurrency == 1:
        return [_send_one(pk) for pk in queue], dropped
    with ThreadPoolExecutor(plan.concurrency) as threads:
        return list(threads.map(_send_in_thread, queue)), dropped


def drop(types: Sequence[str] | None) -> int:
    """Throw away what is held, of these types or all. Returns how many."""
    with store.writing():
        held = Delivery.objects.filter(state=Delivery.State.HELD)
        chosen = held.filter(event_type__in=types) if types is not None else held
        return chosen.update(state=Delivery.State.DROPPED)


def _line_up(plan: Plan) -> list[int]:
    states = [Delivery.State.HELD]
    if plan.replay:
        states += [Delivery.State.DELIVERED, Delivery.State.FAILED]
    chosen = Delivery.objects.filter(state__in=states).order_by("id")
    if plan.types is not None:
        chosen = chosen.filter(event_type__in=plan.types)
    once = list(chosen.values_list("pk", flat=True))
    if plan.order == "reverse":
        once.reverse()
    queue = [pk for pk in once for _ in range(plan.copies)]
    if plan.order == "shuffle":
        random.Random(plan.seed).shuffle(queue)  # noqa: S311 - an order to repeat, not a secret
    return queue


def _send_in_thread(pk: int) -> Json:
    try:
        return _send_one(pk)
    finally:
        connections.close_all()


def _send_one(pk: int) -> Json:
    result = send(Delivery.objects.get(pk=pk))
    with store.writing():
        delivery = Delivery.objects.filter(pk=pk).first()
        if delivery is not None:
            record_attempt(delivery, result, _choose_state(delivery, result))
            return {**describe(delivery), "answer": result.to_json()}
    return {"id": pk, "answer": result.to_json()}


def _choose_state(delivery: Delivery, result: Result) -> str:
    """Once delivered, always delivered: a copy that is refused does not change that."""
    already = delivery.state == Delivery.State.DELIVERED
    return Delivery.State.DELIVERED if result.is_success or already else Delivery.State.HELD


def describe(delivery: Delivery) -> Json:
    """A delivery with its attempts, as the controls show it."""
    attempts = Attempt.objects.filter(delivery=delivery.pk).order_by("id")
    return {
        "id": delivery.pk,
        "event": delivery.event,
        "type": delivery.event_type,
        "endpoint": delivery.endpoint,
        "url": delivery.url,
        "state": delivery.state,
        "attempts": list(attempts.values("at", "status", "duration_ms", "body", "error")),
    }
