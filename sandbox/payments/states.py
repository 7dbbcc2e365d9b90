"""What may happen to an object depends on the state it is in."""

from sandbox.models import Record


class WrongStateError(Exception):
    """The object is in no state for this; the message says which it is in."""


def require_status(record: Record, *allowed: str) -> None:
    """Raises WrongStateError unless the object has one of these statuses."""
    status = record.data["status"]
    if status not in allowed:
        raise WrongStateError(f"the {record.type} is {status}, not {' or '.join(allowed)}")
