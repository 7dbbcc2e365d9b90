"""Add up what a file of grants would bring each account, to find sums that no account can hold beforehand."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from decimal import Decimal
from uuid import UUID

from django.db import connection

from accounts.models import User
from credits.ledger.bounds import is_within_bounds
from credits.ledger.models import Account

# In the database, so that a long file doesn't fill the memory.
SUMS_TABLE = """
    CREATE TEMPORARY TABLE credits_grant_sums (holder uuid PRIMARY KEY, brought numeric) ON COMMIT DROP
"""
SUMS_SO_FAR = "SELECT holder, brought FROM credits_grant_sums WHERE holder = ANY (%s)"
NOTE_SUMS = """
    INSERT INTO credits_grant_sums (holder, brought) SELECT * FROM unnest(%s::uuid[], %s::numeric[])
    ON CONFLICT (holder) DO UPDATE SET brought = excluded.brought
"""


class GrantSums:
    """The balances of some lines' holders and what the file has granted them so far; 0 without an account."""

    def __init__(self, holders: Iterable[UUID | User]) -> None:
        ids = list({_id_of(holder) for holder in holders})
        self._has = dict(Account.objects.filter(pk__in=ids).values_list("pk", "balance"))
        self._brought: defaultdict[UUID, Decimal] = defaultdict(Decimal)
        with connection.cursor() as cursor:
            cursor.execute(SUMS_SO_FAR, [ids])
            self._brought.update(cursor.fetchall())

    def has_room_for(self, holder: UUID | User, amount: Decimal) -> bool:
        """Return whether the holder's balance can take this amount too; if so, count it."""
        place = _id_of(holder)
        brought = self._brought[place] + amount
        if not is_within_bounds(self._has.get(place, Decimal(0)) + brought):
            return False
        self._brought[place] = brought
        return True

    def keep(self) -> None:
        """Store the sums for the lines that follow."""
        with connection.cursor() as cursor:
            cursor.execute(NOTE_SUMS, [list(self._brought), list(self._brought.values())])


def _id_of(holder: UUID | User) -> UUID:
    return holder.pk if isinstance(holder, User) else holder
