"""Export and erase a user's memberships, counted spending and invitations."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.email_addresses import email_key
from accounts.models import User
from accounts.privacy.registry import File, Obstacle, PersonalData
from accounts.teams.membership import end_membership, lock_team
from accounts.teams.models import Invitation, MemberAllowance, Membership, Role, Team
from core.csv_lines import csv_lines, harmless, utc_text
from core.database.row_batches import in_row_batches

TEAMS = ["team", "name", "role", "joined", "cap", "cap_period"]
SPENDING = ["team", "period", "from", "spent"]
INVITATIONS = [
    "invitation",
    "direction",
    "team",
    "email",
    "role",
    "created",
    "expires",
    "accepted",
    "revoked",
]


def obstacles_of(user: User) -> list[Obstacle]:
    """Return the teams that would lose their owner."""
    others = Membership.objects.filter(team=OuterRef("team")).exclude(user=user)
    owned = Membership.objects.filter(Exists(others), user=user, role=Role.OWNER).select_related("team")
    message = _(
        "The user owns the team “%(team)s”, which has other members: make one of them the owner first."
    )
    return [Obstacle("owns_a_team", message % {"team": row.team.name}) for row in owned.order_by("pk")]


def teams_alone(user: User) -> QuerySet[Team]:
    """Return the teams that have no other member: their credits are this user's."""
    others = Membership.objects.filter(team=OuterRef("pk")).exclude(user=user)
    return Team.objects.filter(~Exists(others), memberships__user=user)


def invitations_to(user: User) -> QuerySet[Invitation]:
    """Return invitations to the user's address, and those that they accepted at any address."""
    return Invitation.objects.filter(Q(email=email_key(user.email)) | Q(accepted_by=user))


def lock_memberships(user: User) -> None:
    """Lock the user's teams and memberships until the transaction ends, before any account, as spends do."""
    for team_id in user.memberships.order_by("team_id").values_list("team_id", flat=True):
        lock_team(team_id)
    list(user.memberships.select_for_update(of=("self",)).order_by("pk").values_list("pk"))


def forget_teams(user: User) -> None:
    """End the locked memberships of a user without obstacles, and clear the names of teams left without members."""
    left_empty = list(teams_alone(user).values_list("pk", flat=True))
    for membership in user.memberships.order_by("team_id"):
        end_membership(membership)
    for team in Team.objects.filter(pk__in=left_empty):
        team.name = f"erased-{team.pk}"
        team.save(update_fields=["name"])
    Invitation.objects.filter(team__in=left_empty).update(email=_nobody(user))
    _forget_invitations(user)


def _forget_invitations(user: User) -> None:
    invitations = list(invitations_to(user).values_list("pk", flat=True))
    is_open = Q(accepted_at__isnull=True, revoked_at__isnull=True)
    Invitation.objects.filter(is_open, pk__in=invitations).update(revoked_at=timezone.now())
    Invitation.objects.filter(pk__in=invitations).update(email=_nobody(user))


def _nobody(user: User) -> str:
    """Return an address that can't exist (RFC 2606)."""
    return f"erased-{user.pk}@erased.invalid"


def teams(user: User) -> Iterator[str]:
    """Export the user's teams and roles."""
    rows = Membership.objects.filter(user=user).select_related("team").order_by("joined_at", "pk")
    return csv_lines(TEAMS, [map(_membership, rows)])


def team_spending(user: User) -> Iterator[str]:
    """Export what the user spent of their teams' credits, by day, week and month; former teams included."""
    batches = in_row_batches(MemberAllowance.objects.filter(user=user), ["id"])
    return csv_lines(SPENDING, (map(_allowance, batch) for batch in batches))


def invitations(user: User) -> Iterator[str]:
    """Export the invitations that the user sent, and those sent to their address or accepted by them."""
    received = Q(accepted_by=user) | Q(email=email_key(user.email))
    rows = Invitation.objects.filter(Q(invited_by=user) | received).order_by("created_at", "pk")
    return csv_lines(INVITATIONS, [(_invitation(row, user) for row in rows)])


def _membership(row: Membership) -> list[str]:
    cap = "" if row.cap is None else f"{row.cap:f}"
    return [str(row.team_id), harmless(row.team.name), row.role, utc_text(row.joined_at), cap, row.cap_period]


def _allowance(row: MemberAllowance) -> list[str]:
    return [str(row.team_id), row.period, str(row.starts_on), f"{row.spent:f}"]


def _invitation(row: Invitation, user: User) -> list[str]:
    return [
        str(row.pk),
        "sent" if row.invited_by_id == user.pk else "received",
        str(row.team_id),
        harmless(row.email),
        row.role,
        utc_text(row.created_at),
        utc_text(row.expires_at),
        utc_text(row.accepted_at),
        utc_text(row.revoked_at),
    ]


class TeamsData(PersonalData):
    """The personal data of teams. Memberships end; a team left without members loses its name."""

    lock_rank = 2
    files = (
        File("teams.csv", "the teams you are in", ("teams.Membership",), teams),
        File(
            "team-spending.csv",
            "what you spent of your teams’ credits",
            ("teams.MemberAllowance",),
            team_spending,
        ),
        File(
            "invitations.csv",
            "invitations to teams that you sent or got",
            ("teams.Invitation",),
            invitations,
        ),
    )

    def bound(self, user: User) -> Sequence[QuerySet[Any]]:
        return (Membership.objects.filter(user=user), MemberAllowance.objects.filter(user=user))

    def lock(self, user: User) -> None:
        lock_memberships(user)

    def obstacles(self, user: User, *, forfeit: bool) -> list[Obstacle]:
        return obstacles_of(user)

    def count(self, user: User) -> Mapping[str, int]:
        return {
            "team memberships": user.memberships.count(),
            "team invitations": invitations_to(user).count(),
        }

    def forget(self, user: User) -> None:
        forget_teams(user)
