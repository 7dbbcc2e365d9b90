"""Holding, releasing, dropping, listing and waiting for webhook deliveries."""

from typing import Any

from sandbox import store
from sandbox.controls.answering import ControlError, expect, take
from sandbox.models import Delivery
from sandbox.shapes import Json
from sandbox.webhooks import endpoints, outbox, releasing
from sandbox.webhooks.courier import courier
from sandbox.webhooks.releasing import ORDERS, Plan
from sandbox.webhooks.sending import send_bytes

_ANSWER_KEPT = 100_000


def list_deliveries(order: Json) -> Json:
    """Every delivery with its attempts, oldest first; ``?state=held`` and ``?type=…`` narrow it down."""
    state, event_type = take(order, state=None, type=None)
    deliveries = Delivery.objects.order_by("id")
    if state is not None:
        deliveries = deliveries.filter(state=state)
    if event_type is not None:
        deliveries = deliveries.filter(event_type=event_type)
    return {
        "mode": outbox.get_mode(),
        "deliveries": [releasing.describe(delivery) for delivery in deliveries],
    }


def show_mode(order: Json) -> Json:
    take(order)
    return {"mode": outbox.get_mode()}


def set_mode(order: Json) -> Json:
    (mode,) = take(order, mode=None)
    try:
        with store.writing():
            outbox.set_mode(mode)
    except ValueError as error:
        raise ControlError(str(error)) from None
    return {"mode": mode}


def release(order: Json) -> Json:
    """Send what is held and wait for the answers."""
    released, dropped = releasing.release(_read_plan(order))
    return {"released": released, "dropped": dropped}


def _read_plan(order: Json) -> Plan:
    expect(order, order=str, copies=int, seed=int, types=list, drop=list, replay=bool, concurrency=int)
    known: dict[str, Any] = vars(Plan())
    plan = Plan(**dict(zip(known, take(order, **known), strict=True)))
    if plan.order not in ORDERS:
        raise ControlError(f"order is one of {', '.join(ORDERS)}")
    if plan.copies < 1 or not 1 <= plan.concurrency <= 64:
        raise ControlError("copies starts at 1, concurrency is 1 to 64")
    return plan


def send_raw(body: bytes, order: Json) -> Json:
    """Send a body as it is, signed as Stripe signs, at once and only once; no event is kept. Returns the answer."""
    (endpoint_id,) = take(order, endpoint=None)
    endpoint = endpoints.find_endpoint(endpoint_id)
    if endpoint is None:
        raise ControlError("there is no such webhook endpoint", 404)
    result = send_bytes(endpoint.data["url"], endpoint.private["secret"], body, kept=_ANSWER_KEPT)
    return {"endpoint": endpoint.id, "url": endpoint.data["url"], **result.to_json()}


def drop(order: Json) -> Json:
    expect(order, types=list)
    (types,) = take(order, types=None)
    return {"dropped": releasing.drop(types)}


def wait(order: Json) -> Json:
    """Wait until everything is delivered or given up; 408 when that takes too long."""
    expect(order, timeout_s=(int, float))
    (timeout_s,) = take(order, timeout_s=10)
    left = courier.wait_until_idle(float(timeout_s))
    if left:
        raise ControlError(f"{left} deliveries are still pending or under way after {timeout_s} s", 408)
    return {"idle": True}
