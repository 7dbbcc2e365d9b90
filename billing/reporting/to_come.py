"""Count what was paid for credits that are still to come: the months left of years that are paid at once.

It is deferred revenue like that of unspent credits, but has no lot yet, so the ledger's figures don't have it.
"""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from accounts.time_zones import site_zone
from billing.refunds.claims_sql import CLAIMS_ON_STAGGERED, STAGGERED
from core.database.replica.routing import reading_connection
from core.days import start_of

# What is paid for is to come from its first lot on, until its own arrives. A reversal takes what has no lot; a closed
# account forfeits what is left.
BY_DAY = f"""
    WITH to_come AS (
        SELECT s.*, first.created_at AS paid_at, came.created_at AS came_at, a.closed_at
        FROM ({STAGGERED}) s
        JOIN purchases_payment p ON p.id = s.payment_id
        JOIN credits_lot first ON first.account_id = s.account_id AND first.id = p.lot_id
        JOIN credits_account a ON a.id = s.account_id
        LEFT JOIN credits_lot came ON came.account_id = s.account_id AND came.id = s.lot_id
        WHERE s.currency = %(currency)s
    ), withdrawn AS (
        SELECT payment_id, position, at, share * cost_minor / credits AS minor
        FROM ({CLAIMS_ON_STAGGERED}) c WHERE lot_id IS NULL AND currency = %(currency)s
    ), moves AS (
        SELECT paid_at AS at, cost_minor::numeric AS change, 0 AS withdrawn, 0 AS forfeited FROM to_come
        UNION ALL
        SELECT came_at, -cost_minor, 0, 0 FROM to_come WHERE came_at IS NOT NULL
        UNION ALL
        SELECT at, -minor, minor, 0 FROM withdrawn
        UNION ALL
        SELECT closed_at, w.minor - cost_minor, 0, cost_minor - w.minor
        FROM to_come t CROSS JOIN LATERAL (
            SELECT coalesce(sum(minor), 0) AS minor FROM withdrawn w
            WHERE (w.payment_id, w.position) = (t.payment_id, t.position)
        ) w
        WHERE came_at IS NULL AND closed_at IS NOT NULL
    )
    SELECT (at AT TIME ZONE %(zone)s)::date, sum(change), sum(withdrawn), sum(forfeited)
    FROM moves WHERE at < %(end)s
    GROUP BY 1 ORDER BY 1
"""  # noqa: S608


@dataclass(frozen=True)
class ToCome:
    """A day's ``change`` of what is paid for credits to come; what its reversals have ``withdrawn`` of it, and what
    closed accounts ``forfeited``. In minor units with decimals.
    """

    change: Decimal = Decimal(0)
    withdrawn: Decimal = Decimal(0)
    forfeited: Decimal = Decimal(0)


def to_come_by_day(last: datetime.date, currency: str) -> dict[datetime.date, ToCome]:
    """Return the figures of each day up to ``last`` with any, in one query."""
    facts: dict[str, Any] = {
        "zone": str(site_zone()),
        "currency": currency,
        "end": start_of(last + datetime.timedelta(days=1)),
    }
    with reading_connection().cursor() as cursor:
        cursor.execute(BY_DAY, facts)
        return {day: ToCome(*sums) for day, *sums in cursor.fetchall()}


def paid_to_come(day: datetime.date, currency: str) -> Decimal:
    """Return what was paid, less reversals, for credits still to come at the end of a day."""
    return sum((each.change for each in to_come_by_day(day, currency).values()), Decimal(0))
