"""Count purchases, payments, refunds and disputes into daily figures (`billing.reporting.models`).

They change long after their day: a dispute is lost after months. Triggers note the day of each change in its
transaction; here each noted day is recounted in full. The note is deleted before the day is read, so a change not yet
visible leaves a note of its own.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable

from django.conf import settings
from django.db import connection, transaction
from django.db.models.functions import Now
from django.utils import timezone

from billing.purchases.models import ChangedMoment
from billing.refunds.models import Dispute, Refund
from billing.reporting.models import CheckoutDay, ReturnsDay, SalesCount, SalesDay, SettledDay
from core.days import day_of, start_of
from credits.reporting.daily_figures import count_entries

COUNTED = (CheckoutDay, SalesDay, ReturnsDay, SettledDay)
DAYS_AT_ONCE = 31
DAY = datetime.timedelta(days=1)
ShowProgress = Callable[[float], None]

COUNT_CHECKOUTS = """
INSERT INTO reporting_checkoutday (day, package_code, currency, status, purchases)
SELECT (created_at AT TIME ZONE %(zone)s)::date, package_code, currency, status, count(*)
FROM purchases_purchase WHERE created_at >= %(start)s AND created_at < %(end)s
GROUP BY 1, 2, 3, 4
"""
# By the day of payment at Stripe, whenever we learned of it. Free packages are no sales, and make no buyers; nor do
# gifts, each of which has an account of its own.
COUNT_SALES = """
INSERT INTO reporting_salesday (day, package_code, currency, purchases, paid_minor, tax_minor, first_purchases,
                                second_purchases)
SELECT (y.paid_at AT TIME ZONE %(zone)s)::date, p.package_code, y.currency, count(*), sum(y.amount_minor),
       sum(y.tax_minor),
       count(*) FILTER (WHERE earlier.purchases = 0 AND g.id IS NULL), count(*) FILTER (WHERE earlier.purchases = 1)
FROM purchases_payment y
JOIN purchases_purchase p ON p.id = y.purchase_id
LEFT JOIN gift_codes_giftorder g ON g.purchase_id = p.id
CROSS JOIN LATERAL (
    SELECT count(*) AS purchases FROM (
        SELECT FROM purchases_purchase e JOIN purchases_payment x ON x.purchase_id = e.id AND x.lot_id IS NOT NULL
        WHERE e.account_id = p.account_id AND (x.paid_at, x.id) < (y.paid_at, y.id) LIMIT 2
    ) AS before
) AS earlier
WHERE y.lot_id IS NOT NULL AND y.paid_at >= %(start)s AND y.paid_at < %(end)s
GROUP BY 1, 2, 3
"""
# Reversals of uncredited payments, which were never revenue, don't lower it.
COUNT_RETURNS = """
INSERT INTO reporting_returnsday (day, package_code, currency, refunds, refunded_minor, disputes, disputed_minor,
                                  returned_tax_minor)
SELECT (r.at AT TIME ZONE %(zone)s)::date, p.package_code, y.currency,
       sum(r.refunds), sum(r.refunded_minor), sum(r.disputes), sum(r.disputed_minor),
       sum((r.refunded_minor + r.disputed_minor)::numeric * y.tax_minor / y.amount_minor)
FROM (
    SELECT coalesce(made_at, created_at) AS at, payment_id, 1 AS refunds, coalesce(counted_minor, 0) AS refunded_minor,
           0 AS disputes, 0 AS disputed_minor
    FROM refunds_refund
    WHERE status = ANY (%(refunded)s) AND (made_at >= %(start)s AND made_at < %(end)s
          OR made_at IS NULL AND created_at >= %(start)s AND created_at < %(end)s)
    UNION ALL
    SELECT made_at, payment_id, 0, 0, 1,
           CASE WHEN status = ANY (%(disputed)s) THEN coalesce(counted_minor, 0) ELSE 0 END
    FROM refunds_dispute
    WHERE NOT status = ANY (%(inquiries)s) AND made_at >= %(start)s AND made_at < %(end)s
) AS r
JOIN purchases_payment y ON y.id = r.payment_id AND y.lot_id IS NOT NULL
JOIN purchases_purchase p ON p.id = y.purchase_id
GROUP BY 1, 2, 3
"""
# The same, as they were settled. A dispute that took nothing yet, or gave it back, has moved nothing.
COUNT_SETTLED = """
INSERT INTO reporting_settledday (day, currency, purchases, paid_minor, refunds, refunded_minor, disputes,
                                  disputed_minor)
SELECT (r.at AT TIME ZONE %(zone)s)::date, coalesce(m.currency, ''), count(*) FILTER (WHERE r.kind = 'sale'),
       coalesce(sum(m.minor) FILTER (WHERE r.kind = 'sale'), 0), count(*) FILTER (WHERE r.kind = 'refund'),
       coalesce(-sum(m.minor) FILTER (WHERE r.kind = 'refund'), 0), count(*) FILTER (WHERE r.kind = 'dispute'),
       coalesce(-sum(m.minor) FILTER (WHERE r.kind = 'dispute'), 0)
FROM (
    SELECT 'sale' AS kind, paid_at AS at, id AS payment_id, stripe_charge_id AS source FROM purchases_payment
    WHERE paid_at >= %(start)s AND paid_at < %(end)s
    UNION ALL
    SELECT 'refund', coalesce(made_at, created_at), payment_id, stripe_refund_id FROM refunds_refund
    WHERE status = ANY (%(refunded)s) AND (made_at >= %(start)s AND made_at < %(end)s
          OR made_at IS NULL AND created_at >= %(start)s AND created_at < %(end)s)
    UNION ALL
    SELECT 'dispute', made_at, payment_id, stripe_dispute_id FROM refunds_dispute
    WHERE status = ANY (%(disputed)s) AND NOT status = ANY (%(inquiries)s)
          AND made_at >= %(start)s AND made_at < %(end)s
) AS r
JOIN purchases_payment y ON y.id = r.payment_id AND y.lot_id IS NOT NULL
LEFT JOIN LATERAL (
    SELECT currency, sum(amount_minor) AS minor FROM reporting_balancemovement
    WHERE source = r.source AND category = ANY (CASE r.kind WHEN 'sale' THEN ARRAY['charge']
        WHEN 'refund' THEN ARRAY['refund', 'refund_failure'] ELSE ARRAY['dispute', 'dispute_reversal'] END)
    GROUP BY currency
) m ON true
GROUP BY 1, 2
"""
INQUIRIES = (
    Dispute.Status.WARNING_NEEDS_RESPONSE,
    Dispute.Status.WARNING_UNDER_REVIEW,
    Dispute.Status.WARNING_CLOSED,
    Dispute.Status.PREVENTED,
)
FIRST_MOMENT = """
SELECT least((SELECT min(created_at) FROM purchases_purchase), (SELECT min(paid_at) FROM purchases_payment),
             (SELECT min(made_at) FROM refunds_refund), (SELECT min(made_at) FROM refunds_dispute))
"""
COUNT_VISIT = """
INSERT INTO reporting_visitday AS d (day, visits) VALUES (%s, 1)
ON CONFLICT (day) DO UPDATE SET visits = d.visits + 1
"""


def bring_figures_up_to_date(progress: ShowProgress | None = None) -> None:
    """Count what changed since the last time, here and in the ledger."""
    count_changed_days()
    count_entries(progress)


@transaction.atomic
def count_changed_days() -> None:
    """Recount the days that changed, or all days if the site's TIME_ZONE did."""
    if not _take_turn():
        _recount_all()
        return
    for day in _take_notes():
        _count_days(day, day)


@transaction.atomic
def recount_sales() -> None:
    """Recount all days in one transaction; until it commits, readers see the old figures."""
    _take_turn()
    _recount_all()


def count_visit() -> None:
    """Count one more visit to the packages today."""
    with connection.cursor() as cursor:
        cursor.execute(COUNT_VISIT, [day_of(timezone.now())])


def _take_turn() -> bool:
    """Lock the count, and return whether it can continue: it has begun, in this time zone."""
    count, _created = SalesCount.objects.select_for_update().get_or_create(defaults={"zone": ""})
    goes_on: bool = count.zone == settings.TIME_ZONE
    SalesCount.objects.update(zone=settings.TIME_ZONE, counted_at=Now())
    return goes_on


def _take_notes() -> list[datetime.date]:
    """Return and delete the days noted as changed; a failed transaction keeps them."""
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM purchases_changedmoment RETURNING at")
        moments = [at for (at,) in cursor.fetchall()]
    return sorted({day_of(at) for at in moments})


def _recount_all() -> None:
    ChangedMoment.objects.all().delete()
    for model in COUNTED:
        model._default_manager.all().delete()
    with connection.cursor() as cursor:
        cursor.execute(FIRST_MOMENT)
        (first,) = cursor.fetchone()
    if first is None:
        return
    start, last = day_of(first), day_of(timezone.now())
    while start <= last:
        _count_days(start, start + (DAYS_AT_ONCE - 1) * DAY)
        start += DAYS_AT_ONCE * DAY


def _count_days(first: datetime.date, last: datetime.date) -> None:
    for model in COUNTED:
        model._default_manager.filter(day__gte=first, day__lte=last).delete()
    parameters = {
        "zone": settings.TIME_ZONE,
        "start": start_of(first),
        "end": start_of(last + DAY),
        "refunded": [status.value for status in Refund.STANDING],
        "disputed": [status.value for status in Dispute.STANDING],
        "inquiries": [status.value for status in INQUIRIES],
    }
    with connection.cursor() as cursor:
        for statement in (COUNT_CHECKOUTS, COUNT_SALES, COUNT_RETURNS, COUNT_SETTLED):
            cursor.execute(statement, parameters)
