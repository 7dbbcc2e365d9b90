"""Apply what time alone changes, at every tick and whenever the clock is moved forward."""

from collections.abc import Callable

from sandbox import clock, store
from sandbox.models import Record
from sandbox.payments.refunds import fail_due_refund
from sandbox.payments.sessions import expire_session

# What happens to an object of a type once it is due. Each sets the next due time, or none.
_ACTIONS: dict[str, Callable[[Record], object]] = {
    "checkout.session": expire_session,
    "refund": fail_due_refund,
}


def meet_deadlines() -> None:
    """Do everything that is due, in the order of the due times, and each at its own time.

    One thing may lead to the next, which is due later but still before now.
    """
    while store.find_overdue(_ACTIONS) is not None:
        with store.writing():
            _meet_next()


def _meet_next() -> None:
    record = store.find_overdue(_ACTIONS)
    if record is None or record.due is None:
        return
    with clock.standing_at(record.due):
        _ACTIONS[record.type](record)
