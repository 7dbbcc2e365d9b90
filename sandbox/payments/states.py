"""Check the state that an action on an object requires."""

from sandbox.models import Record


class WrongStateError(Exception):
    """Refuse an action because of the object's state, which the message names."""


class RefusedError(Exception):
    """Refuse a request with Stripe's message. `code` and `param` are what the API adds to it."""

    def __init__(self, message: str, *, code: str | None = None, param: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.param = param


def require_status(record: Record, *allowed: str) -> None:
    """Raise WrongStateError unless the object has one of these statuses."""
    status = record.data["status"]
    if status not in allowed:
        name = record.type.rpartition(".")[2].replace("_", " ")
        raise WrongStateError(f"the {name} is {status}, not {' or '.join(allowed)}")
