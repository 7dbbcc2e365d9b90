"""What is there: to read, to multiply, and to make odd."""

from typing import Any

from django.db import IntegrityError

from sandbox import oddities, store
from sandbox.controls.answering import ControlError, expect, take
from sandbox.models import Record
from sandbox.oddities import Oddity
from sandbox.shapes import Json, list_types
from sandbox.webhooks.events import emit


def list_objects(order: Json, object_type: str) -> Json:
    """All objects of a type as they stand, oldest first, without paging."""
    take(order)
    records = store.list_records(object_type).order_by("seq")
    return {"data": [record.data for record in records]}


def copy_object(order: Json, object_type: str, object_id: str) -> Json:
    """Many objects at once, as a shop of some years has them: copies that differ in the fields given, each in its id.

    Nothing happens to them with time, and nobody is told of them.
    """
    expect(order, copies=list)
    (copies,) = take(order, copies=[])
    if not all(isinstance(fields, dict) and isinstance(fields.get("id"), str) for fields in copies):
        raise ControlError("each of the copies is an object with an id")
    record = _find(object_type, object_id)
    try:
        with store.writing():
            store.add_copies(record, copies)
    except IntegrityError:
        raise ControlError("one of the ids is taken", 409) from None
    return {"copies": len(copies)}


def change_object(order: Json, object_type: str, object_id: str) -> Json:
    """Set any fields of an object, or take them away, and tell of it by these events or by none. Returns it."""
    expect(order, fields=dict, without=list, tell=list)
    fields, without, tell = take(order, fields=None, without=None, tell=None)
    _require_texts(without or [], "without")
    _require_texts(tell or [], "tell")
    with store.writing():
        record = _find(object_type, object_id)
        previous = oddities.alter(record, fields or {}, without or [])
        for event_type in tell or []:
            emit(event_type, record.data, previous)
    return dict(record.data)


def _find(object_type: str, object_id: str) -> Record:
    record = store.find_record(object_type, object_id)
    if record is None:
        raise ControlError(f"no such {object_type}: {object_id}", 404)
    return record


def _require_texts(values: list[Any], name: str) -> None:
    if not all(isinstance(value, str) for value in values):
        raise ControlError(f"{name} is a list of texts")


def order_oddity(order: Json) -> Json:
    """Have the next object of a type come with other fields, or all of them with `times` null."""
    expect(order, object=str, fields=dict, without=list, where=dict, times=int)
    kind, fields, without, where, times = take(
        order, object=None, fields=None, without=None, where=None, times=1
    )
    oddity = Oddity(kind, fields or {}, without or [], where or {}, times)
    _check(oddity)
    with store.writing():
        oddities.order_oddity(oddity)
    return show_oddities({})


def _check(oddity: Oddity) -> None:
    if oddity.object not in list_types():
        raise ControlError(f"object is one of {', '.join(list_types())}")
    if oddity.times is not None and oddity.times < 1:
        raise ControlError("times starts at 1, or is null for all")
    _require_texts(oddity.without, "without")
    for name in ("id", "object", "type") if oddity.object == "event" else ("id", "object"):
        if name in oddity.without or not isinstance(oddity.fields.get(name, ""), str):
            raise ControlError(f"the {name} of a new {oddity.object} must be a text")
    if "id" in oddity.fields and oddity.times != 1:
        raise ControlError("an id is there once")


def show_oddities(order: Json) -> Json:
    take(order)
    return {"oddities": [vars(oddity) for oddity in oddities.list_oddities()]}


def clear_oddities(order: Json) -> Json:
    take(order)
    with store.writing():
        oddities.clear_oddities()
    return {"oddities": []}
