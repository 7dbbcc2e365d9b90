"""Whose credits somebody looks at, and whom they concern."""

from __future__ import annotations

from django.db.models import QuerySet

from accounts.models import User
from accounts.teams.models import Membership, Role, Team
from credits.ledger.models import Account

MANAGERS = [Role.OWNER, Role.ADMIN]


def account_of(user: User, team: Team | None) -> QuerySet[Account]:
    """The team's account, or without a team the user's own; empty while there is none."""
    return Account.objects.filter(team=team) if team else Account.objects.filter(owner=user)


def sees_credits_of(user: User, account: Account) -> bool:
    """Say whether the account is the user's own, or that of a team which they are in."""
    if account.team_id is None:
        return account.owner_id == user.pk
    return Membership.objects.filter(team=account.team_id, user=user).exists()


def people_of(account: Account) -> list[User]:
    """Who is told about the account: its owner, or the team's owner and admins. Those with an e-mail address."""
    if account.owner_id:
        people = User.objects.filter(pk=account.owner_id)
    else:
        managing = Membership.objects.filter(team=account.team_id, role__in=MANAGERS)
        people = User.objects.filter(pk__in=managing.values("user"))
    return list(people.filter(is_active=True).exclude(email="").order_by("date_joined", "pk"))
