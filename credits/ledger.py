"""The only writer of the ledger.

Each operation is one SQL statement that calls one function of the database (`credits/migrations/*.sql`): it locks the
account, looks for the business key, writes, and answers, in one round trip. Each is idempotent by its key: the same
key with the same arguments gives the first result again; with other arguments, `KeyConflict`. Call them inside the
transaction of the fact that they book, so that fact and credits commit together.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import connection
from psycopg.types.json import Jsonb

from accounts.models import User
from credits.amounts import positive_amount
from credits.errors import InvalidGrant, KeyConflict, UnknownAccount
from credits.models import Account, Entry

LONGEST_TEXT = 200


@dataclass(frozen=True)
class Cost:
    """What was paid for a lot, in the currency's minor units (cents), and its ISO 4217 code in lower case."""

    minor: int
    currency: str


@dataclass(frozen=True)
class Grant:
    """A grant as it stands in the books. ``repeated``: this call found it there and changed nothing."""

    entry_id: int
    lot_id: int
    amount: Decimal
    balance_after: Decimal
    repeated: bool


def open_account(owner: User) -> Account:
    """The owner's account, opened when there is none. Two calls at once end at the same account."""
    account, _created = Account.objects.get_or_create(owner=owner)
    return account


def grant(
    account_id: UUID,
    amount: Decimal,
    *,
    kind: Entry.Kind,
    key: str,
    reference: str = "",
    metadata: Mapping[str, Any] | None = None,
    cost: Cost | None = None,
    promotional: bool = False,
    expires_at: datetime.datetime | None = None,
) -> Grant:
    """Puts ``amount`` credits into the account as one new lot, once per ``key``.

    Raises:
        InvalidAmount: see `positive_amount`.
        InvalidGrant: no key, a key or a reference over 200 characters, or a promotional grant with a cost.
        UnknownAccount: there is no such account.
        KeyConflict: ``key`` already stands for a grant with another amount, kind, cost, expiry or reference.
    """
    if not key or len(key) > LONGEST_TEXT or len(reference) > LONGEST_TEXT:
        raise InvalidGrant(
            f"A grant needs a business key; it and the reference have {LONGEST_TEXT} characters at most."
        )
    if promotional and cost is not None:
        raise InvalidGrant("Promotional credits were given away: they have no cost.")
    arguments = [
        account_id,
        positive_amount(amount),
        kind.value,
        key,
        reference,
        Jsonb(dict(metadata or {})),
        promotional,
        cost.minor if cost else None,
        cost.currency if cost else "",
        expires_at,
    ]
    row = _call("SELECT * FROM credits_grant(%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)", arguments)
    if row is None:
        raise UnknownAccount("There is no such account.", account=str(account_id))
    entry_id, lot_id, balance_after, repeated, same = row
    if not same:
        raise KeyConflict("This key was used for another grant.", account=str(account_id), key=key)
    return Grant(entry_id, lot_id, amount, balance_after, repeated)


def _call(statement: str, arguments: list[Any]) -> tuple[Any, ...] | None:
    with connection.cursor() as cursor:
        cursor.execute(statement, arguments)
        row: tuple[Any, ...] | None = cursor.fetchone()
    return row
