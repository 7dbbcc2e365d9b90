"""Takes an erased person out of their teams, and their address out of invitations. A part of `billing.erasure`."""

from __future__ import annotations

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.email_addresses import email_key
from accounts.erasure import Obstacle
from accounts.models import User
from accounts.teams.membership import end_membership, lock_team
from accounts.teams.models import Invitation, Membership, Role, Team


def obstacles_of(user: User) -> list[Obstacle]:
    """The teams that would be left without an owner."""
    others = Membership.objects.filter(team=OuterRef("team")).exclude(user=user)
    owned = Membership.objects.filter(Exists(others), user=user, role=Role.OWNER).select_related("team")
    message = _("They own the team “%(team)s”, which has other members: make one of these its owner first.")
    return [Obstacle("owns_a_team", message % {"team": row.team.name}) for row in owned.order_by("pk")]


def teams_alone(user: User) -> QuerySet[Team]:
    """The teams that nobody else is in: their credits are this person's."""
    others = Membership.objects.filter(team=OuterRef("pk")).exclude(user=user)
    return Team.objects.filter(~Exists(others), memberships__user=user)


def invitations_to(user: User) -> QuerySet[Invitation]:
    """Those sent to the user's address, and those they joined by, whatever address that was."""
    return Invitation.objects.filter(Q(email=email_key(user.email)) | Q(accepted_by=user))


def lock_memberships(user: User) -> None:
    """Locks the user's teams and their memberships until the transaction ends. A member's spend takes the membership
    before the account, so this comes before any account.
    """
    for team_id in user.memberships.order_by("team_id").values_list("team_id", flat=True):
        lock_team(team_id)
    list(user.memberships.select_for_update(of=("self",)).order_by("pk").values_list("pk"))


def forget_teams(user: User) -> None:
    """Ends the locked memberships of a user without obstacles. A team that nobody is left in loses its name, which may
    be theirs; its account stays.
    """
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
    """An address that leads to nobody (RFC 2606)."""
    return f"erased-{user.pk}@erased.invalid"
