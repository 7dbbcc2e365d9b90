"""Hold, release, drop, list and await webhook deliveries."""

from typing import Literal

from sandbox import store
from sandbox.controls import releasing
from sandbox.controls.answering import ControlError
from sandbox.models import Delivery
from sandbox.shapes import Json
from sandbox.webhooks import endpoints, outbox
from sandbox.webhooks.courier import courier
from sandbox.webhooks.sending import send_bytes

_ANSWER_KEPT = 100_000


def list_deliveries(*, state: str | None = None, type: str | None = None) -> Json:
    """List deliveries with their attempts, oldest first."""
    wanted = {"state": state, "event_type": type}
    filters = {name: value for name, value in wanted.items() if value is not None}
    deliveries = Delivery.objects.filter(**filters).order_by("id")
    return {
        "mode": outbox.get_mode(),
        "deliveries": [releasing.describe(delivery) for delivery in deliveries],
    }


def set_mode(*, mode: Literal["deliver", "hold"]) -> Json:
    with store.writing():
        outbox.set_mode(mode)
    return {"mode": mode}


def send_raw(body: bytes, *, endpoint: str | None = None) -> Json:
    """Send a body unchanged and signed, once and at once, without storing an event. Return the answer."""
    found = endpoints.find_endpoint(endpoint)
    if found is None:
        raise ControlError("no such webhook endpoint", 404)
    result = send_bytes(found.data["url"], found.private["secret"], body, kept=_ANSWER_KEPT)
    return {"endpoint": found.id, "url": found.data["url"], **result.to_json()}


def drop(*, types: list[str] | None = None) -> Json:
    return {"dropped": releasing.drop_held(types)}


def wait(*, timeout_s: float = 10) -> Json:
    """Wait until every delivery has succeeded or been given up; answer 408 if that takes too long."""
    left = courier.wait_until_idle(timeout_s)
    if left:
        raise ControlError(f"{left} deliveries are still pending or in progress after {timeout_s:g} s", 408)
    return {"idle": True}
