"""Claw back credits of refunds and disputes from the lot of their payment.

Part of the ledger; call it as `credits.ledger.operations.claw_back`. The caller lists the current clawbacks in order,
with an amount each; the ledger works out their effect and books the difference. It does so again when a hold ends or
when credits return to the lot (see `credits.ledger.models.clawbacks`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import IntegrityError
from psycopg.errors import UniqueViolation

from credits.errors import InvalidEntry, KeyConflict, UnknownLot
from credits.ledger.arguments import entry_json, json_text
from credits.ledger.bounds import call_within_bounds
from credits.ledger.models import Clawback, Entry
from credits.ledger.results import Clawed

# What refuses a claim that is on a lot of another account.
OWN_IDS = "credits_clawback_pkey"


@dataclass(frozen=True)
class Claim:
    """The claim of one refund or dispute. ``id`` is its own, ``at`` is when the money was sent back; ``amount`` in
    credits may be 0. ``policy`` says whether spent credits are owed or waived. Its entries have its ``metadata``.
    """

    id: UUID
    at: datetime
    kind: Clawback.Kind
    policy: Clawback.Policy
    amount: Decimal
    metadata: Mapping[str, Any] = field(default_factory=dict)


def claw_back(
    account_id: UUID,
    lot_id: int,
    claims: Sequence[Claim],
    *,
    kind: Entry.Kind,
    metadata: Mapping[str, Any] | None = None,
) -> Clawed:
    """Replace the claims on a lot by these, in their order, and book what that changes, as one entry of ``kind``. Safe
    to repeat: unchanged claims change nothing.

    Raises:
        InvalidEntry: together they claim more than the lot ever had, or metadata can't be stored.
        KeyConflict: one of the claims is on another lot already.
        UnknownLot: the account has no such lot.
        SumTooLarge: the account would owe 10^18 credits or more.
    """
    arguments = [
        account_id,
        lot_id,
        [claim.id for claim in claims],
        [claim.at for claim in claims],
        [claim.kind.value for claim in claims],
        [claim.policy.value for claim in claims],
        [claim.amount for claim in claims],
        [json_text(claim.metadata) for claim in claims],
        kind.value,
        entry_json(metadata),
    ]
    statement = (
        "SELECT * FROM credits_claw_back(%s, %s, %s::uuid[], %s::timestamptz[], %s::text[], %s::text[], "
        "%s::numeric[], %s::jsonb[], %s, %s)"
    )
    try:
        rows = call_within_bounds(statement, arguments, account=account_id)
    except IntegrityError as error:
        if (
            not isinstance(error.__cause__, UniqueViolation)
            or error.__cause__.diag.constraint_name != OWN_IDS
        ):
            raise
        raise _claimed_elsewhere(account_id, lot_id) from error
    outcome, entry_id, taken, owed, balance = rows[0]
    if outcome == "unknown_lot":
        raise UnknownLot("The account has no such lot.", account=str(account_id), lot=lot_id)
    if outcome == "too_much":
        raise InvalidEntry("Claims can't exceed the lot's amount.", lot=lot_id, field="claims")
    if outcome == "conflict":
        raise _claimed_elsewhere(account_id, lot_id)
    return Clawed(entry_id, taken, owed, balance)


def _claimed_elsewhere(account_id: UUID, lot_id: int) -> KeyConflict:
    return KeyConflict("A claim already belongs to another lot.", account=str(account_id), lot=lot_id)
