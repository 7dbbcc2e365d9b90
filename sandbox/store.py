"""Read and write Stripe's objects. All writes happen under one lock, in one transaction."""

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from django.db import transaction
from django.db.models import QuerySet

from sandbox import clock, oddities
from sandbox.models import Record
from sandbox.shapes import Json

_lock = threading.RLock()


@contextmanager
def writing() -> Iterator[None]:
    """Allow one writer at a time, all or nothing. SQLite takes no more, and so no thread finds it locked.

    Hold it for changes of state only, never while talking over the network: the other side may call back.
    """
    with _lock, transaction.atomic():
        yield


def add_object(data: Json, *, private: Json | None = None, due: int | None = None) -> Record:
    """Store a new object, changed by any oddity. Call inside `writing()`."""
    object_type, created = data["object"], data.get("created", 0)
    oddities.apply_oddities(data)
    return Record.objects.create(
        id=data["id"], type=object_type, created=created, due=due, data=data, private=private or {}
    )


def add_copies(record: Record, changes: list[Json]) -> None:
    """Store copies of an object, each with these fields changed; the last one is the newest."""
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
    """Return the record of an object. Raises Record.DoesNotExist."""
    record = find_record(object_type, object_id)
    if record is None:
        raise Record.DoesNotExist(f"no such {object_type}: {object_id}")
    return record


def get_object(object_type: str, object_id: str) -> Json:
    """Return an object as the API shows it. Raises Record.DoesNotExist."""
    data: Json = get_record(object_type, object_id).data
    return data


def change(record: Record, **fields: object) -> Json:
    """Set fields of an object and save it. Return the former values of those that changed.

    They are the `previous_attributes` of the event that reports the change.
    """
    data = record.data
    previous = {name: data.get(name) for name, value in fields.items() if data.get(name) != value}
    data.update(fields)
    record.save()
    return previous


def find_overdue(object_types: Iterable[str]) -> Record | None:
    """Find the object of these types that was due first, if any is due by the sandbox's clock."""
    due = Record.objects.filter(type__in=object_types, due__lte=clock.get_now())
    return due.order_by("due", "seq").first()


def act_on_overdue(object_type: str, action: Callable[[Record], object]) -> None:
    """Act on the objects of a type that are due by the sandbox's clock, in the order of their due times."""
    overdue = Record.objects.filter(type=object_type, due__lte=clock.get_now()).order_by("due", "seq")
    if overdue.exists():
        with writing():
            for record in overdue.all():
                action(record)


def list_records(object_type: str) -> QuerySet[Record]:
    """List all objects of a type, newest first."""
    return Record.objects.filter(type=object_type, deleted=False).order_by("-seq")
