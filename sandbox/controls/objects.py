"""List, copy and change stored objects."""

from django.db import IntegrityError

from sandbox import oddities, store
from sandbox.controls.answering import ControlError, Positive
from sandbox.oddities import Oddity
from sandbox.shapes import Json, list_types
from sandbox.webhooks.events import emit


def list_objects(object_type: str) -> Json:
    """List all objects of a type, oldest first, without paging."""
    records = store.list_records(object_type).order_by("seq")
    return {"data": [record.data for record in records]}


def copy_object(object_type: str, object_id: str, *, copies: tuple[Json, ...] = ()) -> Json:
    """Create many copies of an object at once, each with its own id and other fields, as an old shop has them.

    They emit no events, and time doesn't change them.
    """
    if not all(isinstance(fields.get("id"), str) for fields in copies):
        raise ControlError("each of the copies must be an object with an id")
    record = store.get_record(object_type, object_id)
    try:
        with store.writing():
            store.add_copies(record, list(copies))
    except IntegrityError:
        raise ControlError("one of the ids is in use", 409) from None
    return {"copies": len(copies)}


def change_object(
    object_type: str,
    object_id: str,
    *,
    fields: Json | None = None,
    without: list[str] | None = None,
    tell: list[str] | None = None,
) -> Json:
    """Set or remove any fields of an object, and emit these events. Return the object."""
    with store.writing():
        record = store.get_record(object_type, object_id)
        previous = oddities.alter(record, fields or {}, without or [])
        for event_type in tell or []:
            emit(event_type, record.data, previous)
    return dict(record.data)


def add_oddity(
    *,
    object: str,
    fields: Json | None = None,
    without: list[str] | None = None,
    where: Json | None = None,
    times: Positive | None = 1,
) -> Json:
    """Change the next objects of a type, or all from now on with `times` null."""
    oddity = Oddity(object, fields or {}, without or [], where or {}, times)
    _check(oddity)
    with store.writing():
        oddities.add_oddity(oddity)
    return show_oddities()


def _check(oddity: Oddity) -> None:
    if oddity.object not in list_types():
        raise ControlError(f"object must be one of {', '.join(list_types())}")
    for name in ("id", "object", "type") if oddity.object == "event" else ("id", "object"):
        if name in oddity.without or not isinstance(oddity.fields.get(name, ""), str):
            raise ControlError(f"the {name} of a new {oddity.object} must be a string")
    if "id" in oddity.fields and oddity.times != 1:
        raise ControlError("an id can be used once only")


def show_oddities() -> Json:
    return {"oddities": [vars(oddity) for oddity in oddities.list_oddities()]}


def clear_oddities() -> Json:
    with store.writing():
        oddities.clear_oddities()
    return {"oddities": []}
