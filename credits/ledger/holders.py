"""Find a user's or team's account, and an account's users."""

from __future__ import annotations

from uuid import UUID

from django.db.models import QuerySet

from accounts.models import User
from accounts.teams.models import Membership, Role, Team
from credits.ledger.models import Account

MANAGERS = [Role.OWNER, Role.ADMIN]


def account_of(user: User, team: Team | None) -> QuerySet[Account]:
    """Return the team's account, or without a team the user's own; empty if there is none yet."""
    return Account.objects.filter(team=team) if team else Account.objects.filter(owner=user)


def sees_credits_of(user: User, account: Account) -> bool:
    """Return whether the account is the user's own or that of a team of theirs."""
    if account.team_id is None:
        return account.owner_id == user.pk
    return Membership.objects.filter(team=account.team_id, user=user).exists()


def recipients_of(account: Account) -> list[User]:
    """Return those to notify about the account: its owner, or the team's owner and admins, if they can be emailed."""
    return list(_recipients(account).order_by("date_joined", "pk"))


def find_recipient(account: Account, user_id: UUID) -> User | None:
    """Return the user if they are still among those to notify about the account."""
    return _recipients(account).filter(pk=user_id).first()


def _recipients(account: Account) -> QuerySet[User]:
    if account.owner_id:
        users = User.objects.filter(pk=account.owner_id)
    else:
        managing = Membership.objects.filter(team=account.team_id, role__in=MANAGERS)
        users = User.objects.filter(pk__in=managing.values("user"))
    return users.filter(is_active=True).exclude(email="")
