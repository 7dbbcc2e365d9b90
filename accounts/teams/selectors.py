"""Read teams, for pages and other modules."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from django.db.models import Count, QuerySet

from accounts.models import User
from accounts.teams.allowances import Allowance, allowances_of
from accounts.teams.membership import find_own
from accounts.teams.models import Invitation, Membership, Role, Team
from accounts.teams.permissions import RANKS, may_manage, outranks


@dataclass(frozen=True)
class MemberRow:
    """A member as a teammate sees them. ``allowance`` is None if the viewer may not see it."""

    membership: Membership
    allowance: Allowance | None
    is_oneself: bool
    can_be_managed: bool


@dataclass(frozen=True)
class InvitationRow:
    """An open invitation, expired or not."""

    invitation: Invitation
    can_be_revoked: bool


@dataclass(frozen=True)
class TeamView:
    """A team as one of its members sees it."""

    team: Team
    own: Membership
    members: list[MemberRow]
    invitations: list[InvitationRow]
    can_manage: bool
    is_owner: bool


def memberships_of(user: User) -> QuerySet[Membership]:
    """Return the user's memberships by team name, each with ``people``: the team's number of members."""
    return (
        Membership.objects.filter(user=user)
        .select_related("team")
        .annotate(people=Count("team__memberships"))
        .order_by("team__name", "team_id")
    )


def team_view(user: User, team_id: UUID) -> TeamView:
    """Return the team as the user sees it. Raises `UnknownTeam`."""
    own = find_own(team_id, user)
    members = list(Membership.objects.filter(team=team_id).select_related("user"))
    members.sort(key=lambda member: (-RANKS[Role(member.role)], member.joined_at, member.pk))
    allowances = allowances_of(members)
    return TeamView(
        team=own.team,
        own=own,
        members=[_row(own, member, allowances[member.pk]) for member in members],
        invitations=_waiting(own) if may_manage(own) else [],
        can_manage=may_manage(own),
        is_owner=own.role == Role.OWNER,
    )


def _waiting(own: Membership) -> list[InvitationRow]:
    rows = Invitation.objects.filter(team=own.team, accepted_at__isnull=True, revoked_at__isnull=True)
    return [InvitationRow(invitation, outranks(own, invitation.role)) for invitation in rows]


def _row(own: Membership, member: Membership, allowance: Allowance) -> MemberRow:
    is_oneself = member.pk == own.pk
    return MemberRow(
        membership=member,
        allowance=allowance if is_oneself or may_manage(own) else None,
        is_oneself=is_oneself,
        can_be_managed=outranks(own, member.role),
    )
