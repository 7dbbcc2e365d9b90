"""Say who may see and use an account's saved cards: its owner, or a team's owner and admins."""

from __future__ import annotations

from accounts.models import User
from accounts.teams.models import Membership
from accounts.teams.permissions import MANAGERS
from credits.ledger.models import Account


def manages_billing(user: User, account: Account) -> bool:
    if account.team_id is None:
        return account.owner_id == user.pk
    return Membership.objects.filter(team=account.team_id, user=user, role__in=MANAGERS).exists()
