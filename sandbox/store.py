"""Reading and writing Stripe's objects. All writing happens under one lock, in one transaction."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import transaction
from django.db.models import QuerySet

from sandbox import clock, oddities
from sandbox.models import Record
from sandbox.shapes import Json

_lock = threading.RLock()


@contextmanager
def writing() -> Iterator[None]:
    """One writer at a time, all or nothing. SQLite allows no more, and so no thread ever finds it locked.

    Hold it for state changes only, never while talking over the network: the other side may call back.
    """
    with _lock, transaction.atomic():
        yield


def add_object(data: Json, *, private: Json | None = None, due: int | None = None) -> Record:
    """Put a new object in the store, with whatever is to be odd about it. Call inside `writing()`."""
    object_type, created = data["object"], data.get("created", 0)
    oddities.make_odd(data)
    return Record.objects.create(
        id=data["id"],
        type=object_type,
        created=created,
        due=due,
        data=data,
        private=private or {},
    )


def add_copies(record: Record, changes: list[Json]) -> None:
    """Put copies of an object in the store, each with these fields changed; the last one is the newest."""
    copies = [{**record.data, **fields} for fields in changes]
    Record.objects.bulk_create(
        Record(
            id=data["id"],
            type=record.type,
            created=data.get("created", 0),
            data=data,
            private=record.private,
        )
        for data in copies
    )


def find_record(object_type: str, object_id: str) -> Record | None:
    return Record.objects.filter(type=object_type, id=object_id).first()


def get_record(object_type: str, object_id: str) -> Record:
    """The record of an object that must be there. Raises Record.DoesNotExist."""
    return Record.objects.get(type=object_type, id=object_id)


def get_object(object_type: str, object_id: str) -> Json:
    """The object as the API shows it. Raises Record.DoesNotExist."""
    data: Json = get_record(object_type, object_id).data
    return data


def change(record: Record, **fields: Any) -> Json:
    """Set fields of an object and save it. Returns the former values of those that really changed.

    That is the `previous_attributes` of the event that tells of the change.
    """
    previous = {
        name: record.data.get(name) for name, value in fields.items() if record.data.get(name) != value
    }
    record.data.update(fields)
    record.save()
    return previous


def list_overdue(object_type: str) -> QuerySet[Record]:
    """Those of a type whose time has come by the sandbox's clock, in the order of their times."""
    return Record.objects.filter(type=object_type, due__lte=clock.get_now()).order_by("due", "seq")


def list_records(object_type: str) -> QuerySet[Record]:
    """All that exist of a type, newest first."""
    return Record.objects.filter(type=object_type, deleted=False).order_by("-seq")
