"""Classify where the credits of lots went.

Entries are classified by kind. *Spent* credits were used for work or gifted; nobody had the use of *lost* ones: they
expired, were forfeited, or were removed by staff.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from decimal import Decimal

from django.utils import timezone

from core.database.replica.routing import reading_connection
from credits.ledger.models import Entry, Lot
from credits.statement.reading import BUT_SPENDS

ZERO = Decimal(0)

# What each kind of entry moved, and what of that left the lot: the entry that brought the lot moves it too.
BY_KIND = """
    SELECT e.kind, sum(m.amount),
           coalesce(-sum(m.amount) FILTER (WHERE e.created_at <> l.created_at OR NOT credits_brings_in(e.kind)), 0)
    FROM credits_lot l
    JOIN credits_entry e ON e.account_id = l.account_id AND e.kind = ANY (%s) AND e.lots @> ARRAY[l.id]
    CROSS JOIN LATERAL unnest(e.lots, e.moved) AS m (lot, amount)
    WHERE l.account_id = %s AND l.id = %s AND m.lot = l.id
    GROUP BY e.kind
"""


@dataclass(frozen=True)
class Outflows:
    """The credits of lots, which add up to their amounts. ``offset`` paid off debt, ``taken`` was clawed back."""

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


def outflows_of(lots: Iterable[Lot]) -> Outflows:
    """Return the outflows of lots, a query each; skipped spends are the rest. Expired counts, booked out or not."""
    each = [_outflows(lot) for lot in lots]
    return Outflows(*(sum((getattr(one, name.name) for one in each), ZERO) for name in fields(Outflows)))


def _outflows(lot: Lot) -> Outflows:
    left = {kind: left for kind, _moved, left in _by_kind(lot)}

    def out(*kinds: Entry.Kind) -> Decimal:
        return sum((left.get(kind.value, ZERO) for kind in kinds), ZERO)

    kind = Entry.Kind
    free = lot.remaining - lot.held
    overdue = free if lot.expires_at is not None and lot.expires_at <= timezone.now() else ZERO
    return Outflows(
        free=free - overdue,
        held=lot.held,
        used=lot.amount - lot.remaining - sum(left.values(), ZERO),
        given=out(kind.GIFT_SENT, kind.GIFT_RECEIVED),
        expired=out(kind.EXPIRY) + overdue,
        taken_by_staff=out(kind.ADJUSTMENT),
        forfeited=out(kind.FORFEIT),
        offset=out(kind.OFFSET),
        taken=out(kind.REFUND, kind.DISPUTE),
    )


def moved_by_kind(lot: Lot) -> dict[Entry.Kind, Decimal]:
    """Return what entered and left a lot by kind of entry. One query; spends, which it skips, are the rest."""
    moved = {Entry.Kind(kind): amount for kind, amount, _left in _by_kind(lot)}
    spent = lot.remaining - sum(moved.values(), ZERO)
    return {**moved, Entry.Kind.SPEND: spent} if spent else moved


def _by_kind(lot: Lot) -> list[tuple[str, Decimal, Decimal]]:
    with reading_connection().cursor() as cursor:
        cursor.execute(BY_KIND, [BUT_SPENDS, lot.account_id, lot.pk])
        rows: list[tuple[str, Decimal, Decimal]] = cursor.fetchall()
    return rows
