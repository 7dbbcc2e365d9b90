"""Queue events for endpoints, to be sent at once or held."""

import json
from functools import partial

from django.db import transaction

from sandbox.models import Delivery, Setting
from sandbox.shapes import Json
from sandbox.webhooks import endpoints
from sandbox.webhooks.courier import courier

_MODE = "webhook_mode"
DELIVER, HOLD = "deliver", "hold"


def get_mode() -> str:
    """Return `deliver` if events are sent as they happen, `hold` if they wait until released."""
    return str(Setting.read(_MODE, DELIVER))


def set_mode(mode: str) -> None:
    """Set the mode. Holding includes what is being retried; delivering leaves what is held."""
    Setting.write(_MODE, mode)
    load_mode()
    if mode == HOLD:
        Delivery.objects.filter(pk__in=courier.clear_queue()).update(state=Delivery.State.HELD)


def load_mode() -> None:
    """Pass the stored mode to the courier, after a start, a reset or a change."""
    courier.holding = get_mode() == HOLD


def enqueue_event(event: Json) -> int:
    """Create a delivery for each endpoint that wants the event, sent on commit. Return how many."""
    interested = endpoints.list_interested(event["type"])
    payload = json.dumps({**event, "pending_webhooks": len(interested)}, indent=2)
    state = Delivery.State.HELD if get_mode() == HOLD else Delivery.State.PENDING
    for endpoint in interested:
        delivery = Delivery.objects.create(
            event=event["id"],
            event_type=event["type"],
            endpoint=endpoint.id,
            url=endpoint.data["url"],
            payload=payload,
            state=state,
        )
        if state == Delivery.State.PENDING:
            transaction.on_commit(partial(courier.schedule, delivery.pk))
    return len(interested)


def resume() -> None:
    """Schedule what an earlier process left unsent."""
    pending = Delivery.objects.filter(state=Delivery.State.PENDING).order_by("id")
    for pk in pending.values_list("pk", flat=True):
        courier.schedule(pk)
