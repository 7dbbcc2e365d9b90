"""Apply what time alone changes, at every tick and whenever the clock is moved forward."""

import logging
from collections.abc import Callable

from django.db import transaction

from sandbox import clock, store
from sandbox.models import Record
from sandbox.payments.refunds import fail_due_refund
from sandbox.payments.renewals import meet_invoice, meet_subscription
from sandbox.payments.sessions import expire_session

_logger = logging.getLogger(__name__)
# What happens to an object of a type once it is due. Each sets the next due time, or none.
_ACTIONS: dict[str, Callable[[Record], object]] = {
    "checkout.session": expire_session,
    "invoice": meet_invoice,
    "refund": fail_due_refund,
    "subscription": meet_subscription,
}


def meet_deadlines() -> None:
    """Do everything that is due, in the order of the due times, and each at its own time.

    One thing leads to the next: a clock moved forward by three months renews a subscription three times.
    """
    while store.find_overdue(_ACTIONS) is not None:
        with store.writing():
            _meet_next()


def _meet_next() -> None:
    """Take the next step. An object that a control has made unfit for it fails once, and is left alone from then on."""
    record = store.find_overdue(_ACTIONS)
    if record is None or record.due is None:
        return
    try:
        with transaction.atomic(), clock.standing_at(record.due):
            _ACTIONS[record.type](record)
    except Exception:
        _logger.exception("what was due for %s failed", record.id)
        Record.objects.filter(pk=record.pk).update(due=None)
