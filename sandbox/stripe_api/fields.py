"""From parameters to fields, the same way for every resource."""

from typing import Any

from sandbox import store
from sandbox.models import Record
from sandbox.stripe_api.errors import NoSuchObjectError


def pick_fields(params: dict[str, Any], *names: str) -> dict[str, Any]:
    """Those of these parameters that were given, as fields; an empty string unsets."""
    return {name: None if params[name] == "" else params[name] for name in names if name in params}


def find_in_path(object_type: str, object_id: str, param: str = "id") -> Record:
    """The object that the path names. Raises NoSuchObjectError (404)."""
    record = store.find_record(object_type, object_id)
    if record is None:
        raise NoSuchObjectError(object_type, object_id, param)
    return record


def find_in_parameter(object_type: str, object_id: str, param: str) -> Record:
    """The object that a parameter names. Raises NoSuchObjectError (400); a deleted one does not count."""
    record = store.find_record(object_type, object_id)
    if record is None or record.deleted:
        raise NoSuchObjectError.in_parameter(object_type, object_id, param)
    return record


def find_undeleted(object_type: str, object_id: str, param: str = "id") -> Record:
    """As `find_in_path`, for changes: a deleted object is as good as none."""
    record = find_in_path(object_type, object_id, param)
    if record.deleted:
        raise NoSuchObjectError(object_type, object_id, param)
    return record


def mark_deleted(record: Record) -> dict[str, Any]:
    """Delete an object the way Stripe does: its id stays, the rest goes. Returns what is left to show."""
    record.data = {"id": record.id, "object": record.type, "deleted": True}
    record.deleted = True
    record.save()
    return dict(record.data)
