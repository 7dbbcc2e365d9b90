"""Doing something to one of Stripe's objects, as a bank or a buyer does it: no API request is the cause."""

from collections.abc import Callable

from sandbox import store
from sandbox.controls.answering import ControlError
from sandbox.models import Record
from sandbox.payments.states import WrongStateError
from sandbox.shapes import Json


def act_on(object_type: str, object_id: str, action: Callable[[Record], Record]) -> Json:
    """Act in one transaction. Returns the object that the action returns, as it is then.

    404 for one that isn't there, 409 for one that is in the wrong state.
    """
    with store.writing():
        record = store.find_record(object_type, object_id)
        if record is None:
            raise ControlError(f"no such {object_type}: {object_id}", 404)
        try:
            return dict(action(record).data)
        except WrongStateError as error:
            raise ControlError(str(error), 409) from None
