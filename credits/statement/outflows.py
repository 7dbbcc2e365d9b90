"""Classify where the credits of a lot went.

Entries are classified by kind. *Spent* credits were used for work or gifted; nobody had the use of *lost* ones: they
expired, were forfeited, or were removed by staff.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from django.db import connection
from django.utils import timezone

from credits.ledger.models import Entry, Lot
from credits.statement.reading import BUT_SPENDS

ZERO = Decimal(0)

# The entry that brought the lot moves it too, which isn't an outflow. Before debts were paid off by entries of their
# own, such a lot came in without what it had paid off.
BY_KIND = """
    SELECT e.kind, sum(CASE WHEN e.created_at = l.created_at AND credits_brings_in(e.kind) THEN 0 ELSE -m.amount END),
           sum(CASE WHEN e.created_at = l.created_at AND credits_brings_in(e.kind) THEN l.amount - m.amount ELSE 0 END)
    FROM credits_lot l
    JOIN credits_entry e ON e.account_id = l.account_id AND e.kind = ANY (%s) AND e.lots @> ARRAY[l.id]
    CROSS JOIN LATERAL unnest(e.lots, e.moved) AS m (lot, amount)
    WHERE l.account_id = %s AND l.id = %s AND m.lot = l.id
    GROUP BY e.kind
"""


@dataclass(frozen=True)
class Outflows:
    """A lot's credits, which add up to its amount. ``offset`` paid off debt, ``taken`` was clawed back."""

    free: Decimal
    held: Decimal
    used: Decimal
    given: Decimal
    expired: Decimal
    taken_by_staff: Decimal
    forfeited: Decimal
    offset: Decimal
    taken: Decimal

    @property
    def spent(self) -> Decimal:
        return self.used + self.given

    @property
    def lost(self) -> Decimal:
        return self.expired + self.taken_by_staff + self.forfeited

    @property
    def gone(self) -> dict[str, Decimal]:
        """Return what is unavailable, by reason."""
        return {
            "spent": self.used,
            "gifted": self.given,
            "expired": self.expired,
            "removed by staff": self.taken_by_staff,
            "forfeited": self.forfeited,
            "on hold": self.held,
        }


def outflows_of(lot: Lot) -> Outflows:
    """Return the lot's outflows in one query; skipped spends are the rest. Expired counts, booked out or not."""
    with connection.cursor() as cursor:
        cursor.execute(BY_KIND, [BUT_SPENDS, lot.account_id, lot.pk])
        rows = cursor.fetchall()
    moved = {kind: amount for kind, amount, _netted in rows}
    netted = sum((amount for _kind, _amount, amount in rows), ZERO)

    def out(*kinds: Entry.Kind) -> Decimal:
        return sum((moved.get(kind.value, ZERO) for kind in kinds), ZERO)

    kind = Entry.Kind
    others = sum(moved.values(), ZERO) + netted
    free = lot.remaining - lot.held
    overdue = free if lot.expires_at is not None and lot.expires_at <= timezone.now() else ZERO
    return Outflows(
        free=free - overdue,
        held=lot.held,
        used=lot.amount - lot.remaining - others,
        given=out(kind.GIFT_SENT, kind.GIFT_RECEIVED),
        expired=out(kind.EXPIRY) + overdue,
        taken_by_staff=out(kind.ADJUSTMENT),
        forfeited=out(kind.FORFEIT),
        offset=out(kind.OFFSET) + netted,
        taken=out(kind.REFUND, kind.DISPUTE),
    )
