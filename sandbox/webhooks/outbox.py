"""The deliveries that events owe to endpoints: kept in the store, sent at once or held back."""

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
    """`deliver` sends events as they happen; `hold` keeps them until a test releases them."""
    setting = Setting.objects.filter(name=_MODE).first()
    return str(setting.value) if setting else DELIVER


def set_mode(mode: str) -> None:
    """Switch. Holding also stops what is still being retried; delivering leaves what is held where it is."""
    if mode not in (DELIVER, HOLD):
        raise ValueError(f"mode is {DELIVER} or {HOLD}, not {mode}")
    Setting.objects.update_or_create(name=_MODE, defaults={"value": mode})
    load_mode()
    if mode == HOLD:
        Delivery.objects.filter(pk__in=courier.clear_queue()).update(state=Delivery.State.HELD)


def load_mode() -> None:
    """Tell the courier of the stored mode; after a start, a reset or a switch."""
    courier.holding = get_mode() == HOLD


def enqueue_event(event: Json) -> int:
    """Owe this event to every endpoint that wants it; returns to how many.

    They go out when the change is saved.
    """
    wanted = endpoints.list_interested(event["type"])
    payload = json.dumps({**event, "pending_webhooks": len(wanted)}, indent=2)
    state = Delivery.State.HELD if get_mode() == HOLD else Delivery.State.PENDING
    for endpoint in wanted:
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
    return len(wanted)


def resume() -> None:
    """Take up what an earlier run of the process still owed."""
    owed = Delivery.objects.filter(state=Delivery.State.PENDING).order_by("id")
    for pk in owed.values_list("pk", flat=True):
        courier.schedule(pk)
