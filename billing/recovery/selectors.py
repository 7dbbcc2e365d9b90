"""Count reminders, and the purchases that came of them."""

from __future__ import annotations

import datetime
from dataclasses import dataclass

from billing.purchases.models import Purchase
from billing.recovery.models import Reminder


@dataclass(frozen=True)
class Recovery:
    """How many reminders were sent in a period, and how many of these led to a purchase that was paid."""

    sent: int
    paid: int


def recovery_between(start: datetime.datetime, end: datetime.datetime) -> Recovery:
    """Return the outcome of the reminders of a period, in two queries."""
    sent = Reminder.objects.filter(sent_at__gte=start, sent_at__lt=end)
    return Recovery(sent.count(), sent.filter(resumed_as__status__in=Purchase.CREDITED).count())
