"""Turn parameters into objects and their fields, in the same way for every resource."""

from collections.abc import Collection
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import EmailValidator

from sandbox import store
from sandbox.models import Record
from sandbox.shapes import Json, list_fields
from sandbox.stripe_api.errors import ApiError, InvalidParameterError, NoSuchObjectError

_LONGEST_EMAIL = 512
# Without an allowlist: Stripe refuses hosts without a top-level domain, such as localhost.
_validate_email = EmailValidator(allowlist=[])


def pick_fields(params: Json, names: Collection[str]) -> Json:
    """Return the given parameters among these names as fields; an empty string unsets."""
    return {name: None if params[name] == "" else params[name] for name in names if name in params}


def pick_fields_of(object_type: str, params: Json, but: Collection[str] = ()) -> Json:
    """Return the given parameters that are fields of a type. Metadata is merged separately."""
    return pick_fields(params, [name for name in list_fields(object_type) if name not in ("metadata", *but)])


def find_in_path(object_type: str, object_id: str, param: str = "id") -> Record:
    """Find the object of an id in the path. Raises NoSuchObjectError (404)."""
    record = store.find_record(object_type, object_id)
    if record is None:
        raise NoSuchObjectError(object_type, object_id, param)
    return record


def find_in_parameter(object_type: str, object_id: str, param: str) -> Record:
    """Find the object of an id in a parameter, unless deleted. Raises NoSuchObjectError (400)."""
    record = store.find_record(object_type, object_id)
    if record is None or record.deleted:
        raise NoSuchObjectError(object_type, object_id, param, 400)
    return record


def find_undeleted(object_type: str, object_id: str, param: str = "id") -> Record:
    """Find an object in the path, unless deleted. Raises NoSuchObjectError (404)."""
    record = find_in_path(object_type, object_id, param)
    if record.deleted:
        raise NoSuchObjectError(object_type, object_id, param)
    return record


def mark_deleted(record: Record) -> Json:
    """Delete an object as Stripe does: its id stays. Return what is left to show."""
    record.data = {"id": record.id, "object": record.type, "deleted": True}
    record.deleted = True
    record.save()
    return dict(record.data)


def check_email(given: Json, name: str, param: str = "") -> None:
    """Raise ApiError if this parameter is given and isn't an email address as Stripe accepts it."""
    address = given.get(name)
    if not address:
        return
    try:
        _validate_email(address)
        is_valid = address.isascii() and len(address) <= _LONGEST_EMAIL
    except ValidationError:
        is_valid = False
    if not is_valid:
        raise ApiError(f"Invalid email address: {address}", code="email_invalid", param=param or name)


def merge_metadata(former: dict[str, str], given: Any, param: str = "metadata") -> dict[str, str]:
    """Return the updated metadata. "" as a value removes the key, "" as a whole removes all; None changes nothing.

    Raises InvalidParameterError beyond Stripe's limits.
    """
    if given is None:
        return dict(former)
    if given == "":
        return {}
    merged = {key: value for key, value in {**former, **given}.items() if value != ""}
    if len(merged) > 50:
        message = f"You can only have up to 50 metadata keys, but you have {len(merged)}."
        raise InvalidParameterError(message, param=param)
    for key, value in merged.items():
        if len(key) > 40:
            message = f"Metadata keys can have up to 40 characters, but you passed one of {len(key)}: {key}"
            raise InvalidParameterError(message, param=param)
        if len(value) > 500:
            raise InvalidParameterError(
                "Metadata values can have up to 500 characters, but you passed in a value that is"
                f" {len(value)} characters. Invalid value: {value}",
                param=f"{param}[{key}]",
            )
    return merged
