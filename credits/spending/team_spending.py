"""Spend from a team's account as a member, within their cap."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import transaction

from accounts.teams.allowances import count_spending
from accounts.teams.membership import find_member
from credits.ledger import operations as ledger
from credits.ledger.models import Account
from credits.ledger.reserved_names import MEMBER
from credits.ledger.results import Spend


def spend_as_member(
    team_id: UUID,
    user_id: UUID,
    amount: Decimal,
    *,
    key: str,
    reference: str = "",
    metadata: Mapping[str, Any] | None = None,
    reserved: Mapping[str, Any] | None = None,
) -> Spend:
    """Spend from the team's account by `ledger.spend`, counted against the member's cap in the same transaction.

    The entry's metadata name the member: for staff only, and so that another member's key is another fact. A repeat is
    not counted again: it returns its first result, even if the cap is reached or the member has left since.

    Raises:
        UnknownMember: the user is not in the team, or there is no such team.
        CapReached: more would be spent than the cap allows. Nothing was taken.
        InvalidAmount, InvalidEntry, InsufficientCredits, KeyConflict: as `ledger.spend`.
    """
    account_id = _account_of(team_id, user_id)
    named = {**(reserved or {}), MEMBER: str(user_id)}
    with transaction.atomic():
        spend = ledger.spend(
            account_id, amount, key=key, reference=reference, metadata=metadata, reserved=named
        )
        if not spend.repeated:
            count_spending(team_id, user_id, spend.amount)
    return spend


def _account_of(team_id: UUID, user_id: UUID) -> UUID:
    account_id = Account.objects.filter(team=team_id).values_list("pk", flat=True).first()
    if account_id is None:
        account_id = ledger.open_team_account(find_member(team_id, user_id).team).pk
    return account_id
