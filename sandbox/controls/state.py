"""Time, faults, what was called, made-up events, and starting afresh."""

from sandbox import account, clock, faults, store
from sandbox.controls.answering import ControlError, expect, take
from sandbox.models import Attempt, Delivery, Fault, Record, SavedAnswer, Setting
from sandbox.openid import people
from sandbox.payments.deadlines import meet_deadlines
from sandbox.shapes import Json
from sandbox.stripe_api import request_log
from sandbox.webhooks import endpoints, outbox
from sandbox.webhooks.courier import courier
from sandbox.webhooks.events import build_event, publish


def show_clock(order: Json) -> Json:
    take(order)
    return {"now": clock.get_now()}


def advance_clock(order: Json) -> Json:
    """Push the sandbox's time forward; what is due by then, such as a session's end, happens at once."""
    (seconds,) = take(order, advance_s=None)
    if not isinstance(seconds, int) or seconds < 0:
        raise ControlError("advance_s must be a whole number of seconds, 0 or more")
    with store.writing():
        now = clock.advance(seconds)
        meet_deadlines()
    return {"now": now}


def show_faults(order: Json) -> Json:
    take(order)
    return {"faults": faults.list_faults()}


def order_fault(order: Json) -> Json:
    expect(order, method=str, path=str, status=int, times=int, after=bool, delay_ms=int, remember=bool)
    try:
        fault = faults.order_fault(order)
    except faults.BadFaultError as error:
        raise ControlError(str(error)) from None
    return next(listed for listed in faults.list_faults() if listed["id"] == fault.pk)


def clear_faults(order: Json) -> Json:
    take(order)
    faults.clear_faults()
    return {"faults": []}


def list_calls(order: Json) -> Json:
    take(order)
    return {"data": request_log.list_calls()}


def clear_calls(order: Json) -> Json:
    take(order)
    request_log.clear_calls()
    return {"data": []}


def emit_event(order: Json) -> Json:
    """Send a made-up event. `event` overrides fields of its envelope, an id that was there before included.

    It is kept as others are. What can't be kept, such as an id that is no text, can only be sent as bytes.
    """
    expect(order, type=str, object=dict, previous_attributes=dict, event=dict)
    event_type, subject, previous, overrides = take(
        order, type=None, object=None, previous_attributes=None, event={}
    )
    if not isinstance(event_type, str) or not isinstance(subject, dict):
        raise ControlError("an event needs a type and an object")
    event = {**build_event(event_type, subject, previous), **(overrides or {})}
    if not isinstance(event["id"], str) or not isinstance(event["type"], str):
        raise ControlError("an event whose id or type is no text can only be sent as bytes")
    with store.writing():
        Record.objects.filter(id=event["id"], type="event").delete()
        return publish(event)


def reset(order: Json) -> Json:
    """Empty the sandbox, as if it had just been started with the same command line."""
    take(order)
    with store.writing():
        courier.forget_all()
        for model in (Record, SavedAnswer, Delivery, Attempt, Fault, Setting):
            model.objects.all().delete()
        clock.load_offset()
        account.load_account()
        outbox.load_mode()
        endpoints.ensure_command_line_endpoint()
        request_log.clear_calls()
        people.reset()
    return {"reset": True}
