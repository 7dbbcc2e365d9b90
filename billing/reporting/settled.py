"""Keep what payments, refunds and disputes came to on the seller's balance, by the provider's own rates.

Events don't tell it, and asking for each payment would delay it, so a job lists the balance's movements. It continues
from where it was, a day at a time, and looks at the last day again: each movement is stored once, by its id.
"""

from __future__ import annotations

import datetime

import structlog
from django.conf import settings
from django.db import connection, transaction
from django.db.models import Min
from django.utils import timezone

from billing.provider import provider
from billing.provider.objects import BalanceMovement as Listed
from billing.purchases.models import Payment
from billing.reporting.models import BalanceMovement, MovementsFetch, SettledDay
from billing.reporting.selectors import Sales

log = structlog.get_logger(__name__)
DAY = datetime.timedelta(days=1)

# The days of what moved are counted again, as after any other change.
NOTE_DAYS = """
INSERT INTO purchases_changedmoment (at)
SELECT paid_at FROM purchases_payment WHERE stripe_charge_id = ANY (%(sources)s) AND paid_at IS NOT NULL
UNION ALL
SELECT coalesce(made_at, created_at) FROM refunds_refund WHERE stripe_refund_id = ANY (%(sources)s)
UNION ALL
SELECT made_at FROM refunds_dispute WHERE stripe_dispute_id = ANY (%(sources)s) AND made_at IS NOT NULL
"""
# Tax isn't settled apart from the rest.
COLUMNS = tuple(name for name in Sales.__dataclass_fields__ if "tax" not in name)


def fetch_movements() -> None:
    """Store the balance's new movements, if figures are wanted in a reporting currency."""
    if not settings.REPORTING_CURRENCY:
        return
    fetched = MovementsFetch.objects.first()
    start = fetched.until - DAY if fetched else Payment.objects.aggregate(first=Min("paid_at"))["first"]
    now = timezone.now()
    while start is not None and start < now:
        end = min(start + DAY, now)
        _store(_listed(start, end), end)
        start = end


def settled_sales(first: datetime.date, last: datetime.date) -> dict[str, dict[datetime.date, Sales]]:
    """Return the sales of each day in a period by the currency that they were settled in; those of no known movement
    are under "", with numbers only.
    """
    found: dict[str, dict[datetime.date, Sales]] = {}
    for row in SettledDay.objects.filter(day__gte=first, day__lte=last).order_by("day"):
        sales = Sales(**{name: getattr(row, name) for name in COLUMNS})
        found.setdefault(row.currency, {})[row.day] = sales
    return found


def _listed(start: datetime.datetime, end: datetime.datetime) -> list[Listed]:
    found, after = [], ""
    while True:
        page = provider().movements_page(start, end, after)
        for movement_id, why in page.unreadable.items():
            log.warning("movement_unreadable", movement=movement_id, reason=why)
        found += page.items
        after = page.last_id
        if not after:
            return found


@transaction.atomic
def _store(listed: list[Listed], until: datetime.datetime) -> None:
    """Store movements and note their days; a repeat stores nothing twice."""
    rows = [
        BalanceMovement(
            stripe_id=each.id,
            source=each.source,
            category=each.category,
            amount_minor=each.amount,
            currency=each.currency,
            made_at=each.created,
        )
        for each in listed
    ]
    BalanceMovement.objects.bulk_create(rows, ignore_conflicts=True, batch_size=1000)
    with connection.cursor() as cursor:
        cursor.execute(NOTE_DAYS, {"sources": [each.source for each in listed]})
    MovementsFetch.objects.update_or_create(pk=1, defaults={"until": until})
