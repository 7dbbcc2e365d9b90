"""Trace where credits went, for staff: a hold's captures, a lot's entries. Bounded however long the history.

An entry names its lots and its hold, but neither is indexed, as each spend would pay for it. So these searches start
from the range of versions (`credits.statement.reading.moments`), and read a limited number of entries.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TypeVar
from uuid import UUID

from django.db.models import Q, QuerySet
from django.utils import timezone

from accounts.search import users_named
from accounts.teams.models import Team
from core.database.replica.routing import reading_connection
from core.uuids import as_uuid
from credits.adjustments.models import Adjustment
from credits.ledger.models import Account, Entry, Hold, Lot
from credits.ledger.selectors import standing_of_account
from credits.statement.reading import moments

Named = TypeVar("Named", Hold, Adjustment)

LOOKED_THROUGH = 20_000
NEWEST_LOOKED_THROUGH = 100_000
MOST_ACCOUNTS = 100
BIGGEST_ID = 2**63 - 1
ZERO = Decimal(0)
# Clocks are sometimes set back a little, and these searches go by the time of booking.
SLACK = timedelta(minutes=1)

# Each account looks in its index; by the key alone the whole table would be read.
KEYED = """
    SELECT found.id FROM credits_account a
    CROSS JOIN LATERAL (
        SELECT e.id FROM credits_entry e WHERE e.account_id = a.id AND e.key = %s OFFSET 0
    ) found
"""

CAPTURES = """
    WITH looked_through AS MATERIALIZED (
        SELECT account_id, id, metadata FROM credits_entry
        WHERE account_id = %s AND version > %s AND version <= %s AND kind = 'spend'
        ORDER BY version DESC LIMIT %s
    )
    SELECT e.* FROM credits_entry e JOIN looked_through l USING (account_id, id)
    WHERE l.metadata ->> 'hold' = %s ORDER BY e.version
"""


@dataclass(frozen=True)
class Captures:
    """A hold's captures, oldest first. ``elsewhere`` is the sum of those too far back to be listed."""

    entries: list[Entry]
    elsewhere: Decimal


def captures_of(hold: Hold) -> Captures:
    """Return the hold's captures in two queries, or none if nothing was captured."""
    if not hold.captured:
        return Captures([], ZERO)
    first = hold.created_at - SLACK
    last = hold.closed_at + SLACK if hold.closed_at else timezone.now() + SLACK
    after, until = _versions_at(hold.account, first, last)
    arguments = [hold.account_id, after, until, LOOKED_THROUGH, str(hold.pk)]
    entries = list(Entry.objects.raw(CAPTURES, arguments))
    return Captures(entries, hold.captured + sum((entry.amount for entry in entries), ZERO))


def entries_of_lot(entries: QuerySet[Entry], lot: Lot) -> QuerySet[Entry]:
    """Return the entries that moved the lot: of its account, from its creation on."""
    [after] = _versions_at(lot.account, lot.created_at - SLACK)
    return entries.filter(account=lot.account_id, version__gt=after, lots__contains=[lot.pk])


def holds_on(lot: Lot) -> QuerySet[Hold]:
    """Return the open holds that pin some of the lot."""
    return Hold.objects.filter(
        account=lot.account_id, status=Hold.Status.OPEN, lots__contains=[lot.pk]
    ).order_by("expires_at")


def accounts_named(word: str) -> list[UUID]:
    """Return the accounts that match the whole word: by their own or their holder's id, name or email address."""
    # Users and teams are looked up first, so that each uses its own index.
    teams = Team.objects.filter(name__normal_form=word).values_list("pk", flat=True)
    named = Q(owner__in=users_named(word)) | Q(team__in=list(teams[:MOST_ACCOUNTS]))
    if identifier := as_uuid(word):
        named |= Q(pk=identifier) | Q(owner=identifier) | Q(team=identifier)
    return list(Account.objects.filter(named).values_list("pk", flat=True)[:MOST_ACCOUNTS])


def rows_named(rows: QuerySet[Named], word: str) -> QuerySet[Named]:
    """Return the holds or adjustments that match the whole word: all of an account that it names, else the one with
    this id, those with this key or reference. All if it is empty.
    """
    if not word:
        return rows
    accounts = accounts_named(word)
    if accounts:
        return rows.filter(account__in=accounts)
    own = Q(key=word) | Q(reference=word)
    if identifier := as_uuid(word):
        own |= Q(pk=identifier)
    return rows.filter(own)


def entries_with_key(key: str) -> list[int]:
    """Return the entries with this business key, in any account."""
    with reading_connection().cursor() as cursor:
        cursor.execute(KEYED, [key])
        return [entry_id for (entry_id,) in cursor.fetchall()]


def newest_of(entries: QuerySet[Entry]) -> QuerySet[Entry]:
    """Return those among the ledger's newest entries: as many as can be scanned without an index."""
    last = Entry.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
    return entries.filter(pk__gt=last - NEWEST_LOOKED_THROUGH)


def as_id(word: str) -> int | None:
    """Return the word as the id of an entry or a lot."""
    number = int(word) if word.isascii() and word.isdecimal() else None
    return number if number is not None and number <= BIGGEST_ID else None


def _versions_at(account: Account, *instants: datetime) -> list[int]:
    """Return the version of the account's last entry before each instant."""
    return [moment.version for moment in moments(standing_of_account(account), instants)]
