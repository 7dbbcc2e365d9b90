"""Record which purchase was begun from a reminder's link, so that the figures tell what reminders bring.

It is recorded after the purchase was begun: a crash in between costs the figures one, and the buyer nothing.
"""

from __future__ import annotations

from billing.purchases.models import Purchase
from billing.recovery.models import Reminder


def resumed_purchase(expired: Purchase) -> Purchase | None:
    """Return the purchase that was last begun from the link to continue this one."""
    reminder = Reminder.objects.select_related("resumed_as").get(purchase=expired)
    return reminder.resumed_as


def note_resumed(expired: Purchase, begun: Purchase) -> None:
    """Record the purchase begun, unless one begun before was paid."""
    unpaid = Reminder.objects.exclude(resumed_as__status__in=Purchase.CREDITED)
    unpaid.filter(purchase=expired).update(resumed_as=begun)
