"""Read an account's statement, at a cost that doesn't grow with the length of its history.

- A page of entries is found by version: an account's entries are numbered 1, 2, 3, … and indexed by that number, so
  every page is equally fast.
- An *instant* is found by version too. Versions and times rise together, so the last entry before it is a binary
  search over the versions: 24 look-ups among ten million entries, and no index of the account's times, which each
  spend would pay for.
- *Totals* leave the spends out. Entries of every other kind have an index of their own; and what came in less what
  went out is the difference of two balances, so what was spent is the rest.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from functools import partial
from itertools import pairwise
from typing import Any
from uuid import UUID

from django.db.models import Count, F, Q, QuerySet, Sum
from django.db.models.functions import Coalesce

from core.database.replica.reading import again_on_primary
from core.database.replica.routing import reading_connection
from core.uuids import as_uuid
from credits.gifts.giving import REFERENCE
from credits.gifts.models import Gift
from credits.ledger.models import Entry, Lot
from credits.ledger.selectors import Standing

PAGE_SIZE = 30
ROWS_AT_ONCE = 1000
MOST_LOTS = 100
ZERO = Decimal(0)
GIFTS = (Entry.Kind.GIFT_SENT, Entry.Kind.GIFT_RECEIVED)
BUT_SPENDS = [kind.value for kind in Entry.Kind if kind is not Entry.Kind.SPEND]

# The last entry before each instant, by binary search over the versions from 1 to the account's newest.
LAST_ENTRIES_BEFORE = """
    SELECT found.below, coalesce(e.balance_after, 0)
    FROM unnest(%(instants)s::timestamptz[]) WITH ORDINALITY AS i (instant, place)
    CROSS JOIN LATERAL (
        WITH RECURSIVE search (below, above) AS (
            SELECT 0::bigint, %(newest)s::bigint + 1
            UNION ALL
            SELECT CASE WHEN probe.is_before THEN half.middle ELSE half.below END,
                   CASE WHEN probe.is_before THEN half.above ELSE half.middle END
            FROM (SELECT below, above, (below + above) / 2 AS middle FROM search WHERE above - below > 1) half
            CROSS JOIN LATERAL (
                SELECT p.created_at < i.instant AS is_before FROM credits_entry p
                WHERE p.account_id = %(account)s AND p.version = half.middle
            ) probe
        )
        SELECT below FROM search WHERE above - below = 1
    ) found
    LEFT JOIN credits_entry e ON e.account_id = %(account)s AND e.version = found.below
    ORDER BY i.place
"""

# How much came in between each two versions, by entries other than spends, which never bring anything in.
CAME_IN = """
    SELECT width_bucket(version, %(starts)s::bigint[]), sum(amount) FROM credits_entry
    WHERE account_id = %(account)s AND kind = ANY (%(kinds)s) AND amount > 0
          AND version >= %(first)s AND version <= %(last)s
    GROUP BY 1
"""


@dataclass(frozen=True)
class Moment:
    """The account at an instant: after the entry ``version``; 0 is before the first."""

    at: datetime
    version: int
    balance: Decimal


@dataclass(frozen=True)
class Totals:
    """The change of the balance over a period: ``came_in`` is positive, ``went_out`` negative, ``net`` their sum."""

    opening: Moment
    closing: Moment
    came_in: Decimal

    @property
    def net(self) -> Decimal:
        return self.closing.balance - self.opening.balance

    @property
    def went_out(self) -> Decimal:
        return self.net - self.came_in


@dataclass(frozen=True)
class Part:
    """The change of one lot by an entry. ``lot`` is None for debt that arose or was repaid."""

    lot: Lot | None
    amount: Decimal


@dataclass(frozen=True)
class Line:
    """One entry with its details. ``gift`` is set for a gift between users."""

    entry: Entry
    parts: list[Part]
    gift: Gift | None

    @property
    def message(self) -> str:
        """Return a gift's message: kept with the gift, or in the entry by a service that transferred credits."""
        if self.gift is not None:
            return self.gift.message
        said = self.entry.metadata.get("message") if self.entry.kind in GIFTS else None
        return said if isinstance(said, str) else ""


@dataclass(frozen=True)
class Selection:
    """The entries after the version ``after`` up to ``until``, of one kind, or of all if that is empty."""

    account_id: UUID
    after: int
    until: int
    kind: str = ""


@dataclass(frozen=True)
class Page:
    """Lines, newest first. ``older`` and ``newer`` are the neighbouring pages' ``before``; 0 is the first page."""

    lines: list[Line]
    older: int | None
    newer: int | None


@dataclass(frozen=True)
class Lots:
    """The lots that have something left, in the order of spending; ``more`` are not listed."""

    listed: list[Lot]
    more: int
    left_in_more: Decimal


def moments(standing: Standing, instants: Sequence[datetime]) -> list[Moment]:
    """Return the account at each instant (just before it), in their order. One query."""
    arguments: dict[str, Any] = {
        "instants": list(instants),
        "newest": standing.version,
        "account": standing.account_id,
    }
    with reading_connection().cursor() as cursor:
        cursor.execute(LAST_ENTRIES_BEFORE, arguments)
        rows = cursor.fetchall()
    return [Moment(at, version, balance) for at, (version, balance) in zip(instants, rows, strict=True)]


def totals(account_id: UUID, bounds: Sequence[Moment]) -> list[Totals]:
    """Return the totals between neighbours of ``bounds``, which are in the order of time. One query."""
    arguments: dict[str, Any] = {
        "account": account_id,
        "kinds": BUT_SPENDS,
        "starts": [moment.version + 1 for moment in bounds[:-1]],
        "first": bounds[0].version + 1,
        "last": bounds[-1].version,
    }
    with reading_connection().cursor() as cursor:
        cursor.execute(CAME_IN, arguments)
        came_in: dict[int, Decimal] = dict(cursor.fetchall())
    return [
        Totals(opening, closing, came_in.get(place, ZERO))
        for place, (opening, closing) in enumerate(pairwise(bounds), start=1)
    ]


def page_of(selection: Selection, before: int | None = None) -> Page:
    """Return the page of entries before the version ``before``, by default the first. At most five queries."""
    found = list(_entries(selection, before)[: PAGE_SIZE + 1])
    shown = found[:PAGE_SIZE]
    return Page(
        lines=_lines(selection.account_id, shown),
        older=shown[-1].version if len(found) > PAGE_SIZE else None,
        newer=None if before is None else _newer(selection, before),
    )


def rows_of(selection: Selection) -> Iterator[list[Entry]]:
    """Yield all entries of the selection, newest first, in batches of a short query each, so that a long download
    keeps no transaction open. Entries booked meanwhile aren't included.
    """
    before: int | None = None
    while batch := again_on_primary(partial(_batch, selection, before)):
        yield batch
        before = batch[-1].version


def _batch(selection: Selection, before: int | None) -> list[Entry]:
    return list(_entries(selection, before).defer("hash", "metadata")[:ROWS_AT_ONCE])


def first_entry_at(standing: Standing) -> datetime | None:
    """Return when the account's history begins. One look-up by key."""
    return (
        Entry.objects.filter(account=standing.account_id, version=1)
        .values_list("created_at", flat=True)
        .first()
    )


def lots_left(account_id: UUID) -> Lots:
    """Return the lots that have something left. Two queries at most."""
    left = Lot.objects.filter(account=account_id, exhausted=False)
    spending_order = F("expires_at").asc(nulls_last=True), F("promotional").desc(), F("id").asc()
    listed = list(left.order_by(*spending_order)[:MOST_LOTS])
    if len(listed) < MOST_LOTS:
        return Lots(listed, 0, ZERO)
    rest = left.aggregate(count=Count("pk"), remaining=Coalesce(Sum("remaining"), ZERO))
    shown = sum((lot.remaining for lot in listed), ZERO)
    return Lots(listed, rest["count"] - len(listed), rest["remaining"] - shown)


def _entries(selection: Selection, before: int | None) -> QuerySet[Entry]:
    until = selection.until if before is None else min(selection.until, before - 1)
    entries = Entry.objects.filter(
        account=selection.account_id, version__gt=selection.after, version__lte=until
    )
    if selection.kind:
        entries = entries.filter(kind=selection.kind)
    return entries.defer("hash").order_by("-version")


def _newer(selection: Selection, before: int) -> int | None:
    """Return the ``before`` of the previous page; 0 if that is the first."""
    newer = _entries(replace(selection, after=before - 1), None).order_by("version")
    versions = list(newer.values_list("version", flat=True)[: PAGE_SIZE + 1])
    if not versions:
        return None
    return versions[PAGE_SIZE] if len(versions) > PAGE_SIZE else 0


def _lines(account_id: UUID, entries: Sequence[Entry]) -> list[Line]:
    lots = Lot.objects.in_bulk({lot for entry in entries for lot in entry.lots})
    gifts = _gifts_of(account_id, entries)
    return [Line(entry, _parts(entry, lots), gifts.get(entry.reference)) for entry in entries]


def _parts(entry: Entry, lots: dict[int, Lot]) -> list[Part]:
    parts = [Part(lots[movement.lot_id], movement.amount) for movement in entry.movements if movement.amount]
    return [*parts, Part(None, -entry.owed)] if entry.owed else parts


def _gifts_of(account_id: UUID, entries: Sequence[Entry]) -> dict[str, Gift]:
    """Return these entries' gifts by reference, if the account sent or received them."""
    ids = [
        identifier
        for entry in entries
        if entry.kind in GIFTS and (identifier := as_uuid(entry.reference.removeprefix(REFERENCE)))
    ]
    if not ids:
        return {}
    of_account = Q(from_account=account_id) | Q(to_account=account_id)
    gifts = Gift.objects.filter(of_account, pk__in=ids).select_related("sender", "recipient")
    return {f"{REFERENCE}{gift.pk}": gift for gift in gifts}
