"""Control the clock, faults, the log of calls and custom events, and reset everything."""

from typing import Annotated

from django.forms.models import model_to_dict
from msgspec import UNSET, Meta, UnsetType

from sandbox import account, clock, faults, store
from sandbox.controls.answering import ControlError
from sandbox.models import Delivery, Fault, Record, SavedAnswer, Setting
from sandbox.openid import users
from sandbox.payments.deadlines import meet_deadlines
from sandbox.shapes import Json
from sandbox.stripe_api import request_log
from sandbox.webhooks import endpoints, outbox
from sandbox.webhooks.courier import courier
from sandbox.webhooks.events import build_event, publish

NotNegative = Annotated[int, Meta(ge=0)]
Status = Annotated[int, Meta(ge=200, le=599)]


def show_clock() -> Json:
    return {"now": clock.get_now()}


def advance_clock(*, advance_s: NotNegative) -> Json:
    """Move the sandbox's clock forward. What is due by then, such as a session's end, happens at once."""
    with store.writing():
        now = clock.advance(advance_s)
        meet_deadlines()
    return {"now": now}


def show_faults() -> Json:
    return {"faults": list(Fault.objects.order_by("id").values())}


def add_fault(
    *,
    path: str,
    method: str = "*",
    status: Status | UnsetType | None = UNSET,
    times: int | None = 1,
    after: bool = False,
    delay_ms: NotNegative | UnsetType = UNSET,
    remember: bool | None = None,
) -> Json:
    """Add a fault. A `status` of null closes the connection; without one the answer is only late."""
    if status is UNSET and delay_ms is UNSET:
        raise ControlError("a fault needs a status (null closes the connection) or a delay_ms")
    with store.writing():
        fault = Fault.objects.create(
            method=method.upper(),
            path=path,
            action=faults.DELAY if status is UNSET else faults.CLOSE if status is None else faults.STATUS,
            status=None if status is UNSET else status,
            after=after,
            delay_ms=0 if delay_ms is UNSET else delay_ms,
            remember=status == 500 if remember is None else remember,
            times=times,
        )
    return model_to_dict(fault)


def clear_faults() -> Json:
    with store.writing():
        Fault.objects.all().delete()
    return {"faults": []}


def list_calls() -> Json:
    return {"data": request_log.list_calls()}


def clear_calls() -> Json:
    request_log.clear_calls()
    return {"data": []}


def emit_event(
    *, type: str, object: Json, previous_attributes: Json | None = None, event: Json | None = None
) -> Json:
    """Emit a custom event. `event` overrides its envelope; with the id of an existing event, it replaces that one."""
    custom = {**build_event(type, object, previous_attributes), **(event or {})}
    if not isinstance(custom["id"], str) or not isinstance(custom["type"], str):
        raise ControlError("an event whose id or type isn't a string can only be sent as raw bytes")
    with store.writing():
        Record.objects.filter(id=custom["id"], type="event").delete()
        return publish(custom)


def reset() -> Json:
    """Empty the sandbox, as if it had just been started with the same command line."""
    with store.writing():
        courier.forget_all()
        for model in (Record, SavedAnswer, Delivery, Fault, Setting):
            model.objects.all().delete()
        clock.load_offset()
        account.load_account()
        outbox.load_mode()
        endpoints.ensure_command_line_endpoint()
        request_log.clear_calls()
        users.reset()
    return {"reset": True}
