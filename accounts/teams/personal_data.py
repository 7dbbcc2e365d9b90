"""Export and erase a user's memberships, counted spending and invitations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.db.models import Case, Exists, OuterRef, Q, QuerySet, Value, When
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.email_addresses import email_key
from accounts.models import User
from accounts.privacy.registry import Obstacle, PersonalData, csv_file
from accounts.teams.membership import end_membership, lock_team
from accounts.teams.models import Invitation, MemberAllowance, Membership, Role, Team

TEAMS = {
    "team": "team_id",
    "name": "team.name",
    "role": "role",
    "joined": "joined_at",
    "cap": "cap",
    "cap_period": "cap_period",
}
SPENDING = {"team": "team_id", "period": "period", "from": "starts_on", "spent": "spent"}
INVITATIONS = {
    "invitation": "id",
    "direction": "direction",
    "team": "team_id",
    "email": "email",
    "role": "role",
    "created": "created_at",
    "expires": "expires_at",
    "accepted": "accepted_at",
    "revoked": "revoked_at",
}


def teams_alone(user: User) -> QuerySet[Team]:
    """Return the teams that have no other member: their credits are this user's."""
    others = Membership.objects.filter(team=OuterRef("pk")).exclude(user=user)
    return Team.objects.filter(~Exists(others), memberships__user=user)


def invitations_to(user: User) -> QuerySet[Invitation]:
    """Return invitations to the user's address, and those that they accepted at any address."""
    return Invitation.objects.filter(Q(email=email_key(user.email)) | Q(accepted_by=user))


def _invitations_of(user: User) -> QuerySet[Invitation]:
    """Return the invitations that the user sent, and those sent to their address or accepted by them."""
    direction = Case(When(invited_by=user, then=Value("sent")), default=Value("received"))
    return (Invitation.objects.filter(invited_by=user) | invitations_to(user)).annotate(direction=direction)


def _erase_invitations(user: User) -> None:
    invitations = list(invitations_to(user).values_list("pk", flat=True))
    is_open = Q(accepted_at__isnull=True, revoked_at__isnull=True)
    Invitation.objects.filter(is_open, pk__in=invitations).update(revoked_at=timezone.now())
    Invitation.objects.filter(pk__in=invitations).update(email=_nobody(user))


def _nobody(user: User) -> str:
    """Return an address that can't exist (RFC 2606)."""
    return f"erased-{user.pk}@erased.invalid"


class TeamsData(PersonalData):
    """The personal data of teams. Memberships end; a team left without members loses its name."""

    lock_rank = 2
    files = (
        csv_file(
            "teams.csv",
            "the teams you are in",
            ("teams.Membership",),
            TEAMS,
            lambda user: user.memberships.select_related("team"),
            order=["joined_at", "id"],
        ),
        csv_file(
            "team-spending.csv",
            "what you spent of your teams’ credits",
            ("teams.MemberAllowance",),
            SPENDING,
            lambda user: MemberAllowance.objects.filter(user=user),
        ),
        csv_file(
            "invitations.csv",
            "invitations to teams that you sent or got",
            ("teams.Invitation",),
            INVITATIONS,
            _invitations_of,
            order=["created_at", "id"],
        ),
    )

    def bound(self, user: User) -> Sequence[QuerySet[Any]]:
        return (Membership.objects.filter(user=user), MemberAllowance.objects.filter(user=user))

    def lock(self, user: User) -> None:
        """Lock the user's teams and memberships, before any account, as spends do."""
        for team_id in user.memberships.order_by("team_id").values_list("team_id", flat=True):
            lock_team(team_id)
        list(user.memberships.select_for_update(of=("self",)).order_by("pk").values_list("pk"))

    def obstacles(self, user: User, *, forfeit: bool) -> list[Obstacle]:
        """Return the teams that would lose their owner."""
        others = Membership.objects.filter(team=OuterRef("team")).exclude(user=user)
        owned = Membership.objects.filter(Exists(others), user=user, role=Role.OWNER).select_related("team")
        message = _(
            "The user owns the team “%(team)s”, which has other members: make one of them the owner first."
        )
        return [Obstacle("owns_a_team", message % {"team": row.team.name}) for row in owned.order_by("pk")]

    def count(self, user: User) -> Mapping[str, int]:
        return {
            "team memberships": user.memberships.count(),
            "team invitations": invitations_to(user).count(),
        }

    def erase(self, user: User) -> None:
        """End the memberships of a user without obstacles, and clear the names of teams left without members."""
        left_empty = list(teams_alone(user).values_list("pk", flat=True))
        for membership in user.memberships.order_by("team_id"):
            end_membership(membership)
        for team in Team.objects.filter(pk__in=left_empty):
            team.name = f"erased-{team.pk}"
            team.save(update_fields=["name"])
        Invitation.objects.filter(team__in=left_empty).update(email=_nobody(user))
        _erase_invitations(user)
