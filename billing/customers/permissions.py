"""Say who may see and use an account's saved cards: its owner, or a team's owner and admins."""

from __future__ import annotations

from uuid import UUID

from django.db.models import QuerySet

from accounts.models import User
from accounts.teams.membership import find_own
from accounts.teams.models import Membership, Role, Team
from accounts.teams.permissions import MANAGERS, require_manager
from credits.ledger.models import Account


def manages_billing(user: User, account: Account) -> bool:
    if account.team_id is None:
        return account.owner_id == user.pk
    return Membership.objects.filter(team=account.team_id, user=user, role__in=MANAGERS).exists()


def who_pays(account: Account, preferred: User | None = None) -> User | None:
    """Return in whose name an account is charged: the preferred user while they manage its billing, else its owner, or
    the team's; None if there is nobody left.
    """
    if preferred is not None and preferred.erased_at is None and manages_billing(preferred, account):
        return preferred
    if account.team_id is None:
        return account.owner
    owners = Membership.objects.filter(team=account.team_id, role=Role.OWNER)
    membership = owners.select_related("user").first()
    return membership.user if membership else None


def managed_accounts(user: User, team_id: UUID | None) -> QuerySet[Account]:
    """Return the team's account, or without a team the user's own, if the user manages its billing."""
    if team_id is None:
        return Account.objects.filter(owner=user)
    managing = Membership.objects.filter(team=team_id, user=user, role__in=MANAGERS)
    return Account.objects.filter(team__in=managing.values("team"))


def find_managed_team(team_id: UUID, user: User) -> Team:
    """Return a team whose saved cards the user may see and use.

    Raises:
        UnknownTeam: there is no such team, or the user is not in it.
        RoleForbids: the user is neither its owner nor an admin.
    """
    own = find_own(team_id, user)
    require_manager(own)
    return own.team
