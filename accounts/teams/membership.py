"""Change who is in a team, in which role and with which cap. Every change locks the team's row first."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.audit.context import acting
from accounts.models import User
from accounts.presence import keep_from_erasure
from accounts.teams.caps import Cap
from accounts.teams.errors import InvalidTeam, OwnerMustStay, UnknownMember, UnknownTeam
from accounts.teams.models import NAME_LENGTH, Invitation, Membership, Role, Team
from accounts.teams.permissions import require_manager, require_outranks, require_owner
from core.database.locks import require_transaction


def create_team(user: User, name: str) -> Team:
    """Create a team owned by the user.

    Raises:
        InvalidTeam: the name is empty or too long.
        UserErased: the user was erased a moment ago.
    """
    name = _checked_name(name)
    with transaction.atomic(), acting(user, "create_team"):
        keep_from_erasure(user.pk)
        team = Team.objects.create(name=name)
        Membership.objects.create(team=team, user=user, role=Role.OWNER)
    return team


def rename_team(actor: User, team_id: UUID, name: str) -> Team:
    """Rename a team. Raises `UnknownTeam`, `RoleForbids`, `InvalidTeam`."""
    name = _checked_name(name)
    with changing(actor, team_id, "rename_team") as own:
        require_manager(own)
        own.team.name = name
        own.team.save(update_fields=["name"])
    return own.team


def change_role(actor: User, team_id: UUID, user_id: UUID, role: Role) -> Membership:
    """Change a member to an admin or back. Only `transfer_ownership` changes the owner.

    Raises:
        UnknownTeam, UnknownMember, RoleForbids, OwnerMustStay, InvalidTeam.
    """
    if role not in {Role.ADMIN, Role.MEMBER}:
        raise InvalidTeam(_("Choose admin or member."), field="role")
    with changing(actor, team_id, "change_role") as own:
        require_owner(own)
        member = find_member(team_id, user_id)
        _refuse_owner(member)
        member.role = role
        member.save(update_fields=["role"])
    return member


def set_cap(actor: User, team_id: UUID, user_id: UUID, cap: Cap | None) -> Membership:
    """Cap what a member may spend; None removes the cap. Spending so far in the period counts.

    Raises:
        UnknownTeam, UnknownMember, RoleForbids.
    """
    with changing(actor, team_id, "set_cap") as own:
        member = find_member(team_id, user_id)
        require_outranks(own, member.role)
        member.cap, member.cap_period = (cap.amount, cap.period) if cap else (None, "")
        member.save(update_fields=["cap", "cap_period"])
    return member


def remove_member(actor: User, team_id: UUID, user_id: UUID) -> None:
    """Remove a member, and revoke their open invitations.

    Raises:
        UnknownTeam, UnknownMember, RoleForbids, OwnerMustStay.
    """
    with changing(actor, team_id, "remove_member") as own:
        member = find_member(team_id, user_id)
        _refuse_owner(member)
        require_outranks(own, member.role)
        end_membership(member)


def leave_team(user: User, team_id: UUID) -> None:
    """End the user's own membership.

    Raises:
        UnknownTeam, OwnerMustStay.
    """
    with changing(user, team_id, "leave_team") as own:
        _refuse_owner(own)
        end_membership(own)


def transfer_ownership(actor: User, team_id: UUID, user_id: UUID) -> Membership:
    """Make a member the owner, without a cap; the previous owner stays as an admin.

    Raises:
        UnknownTeam, UnknownMember, RoleForbids.
    """
    with changing(actor, team_id, "transfer_ownership") as own:
        require_owner(own)
        member = find_member(team_id, user_id)
        if member.pk == own.pk:
            return own
        # In this order, so that a team never has two owners.
        own.role = Role.ADMIN
        own.save(update_fields=["role"])
        member.role, member.cap, member.cap_period = Role.OWNER, None, ""
        member.save(update_fields=["role", "cap", "cap_period"])
    return member


@contextmanager
def changing(actor: User, team_id: UUID, what: str) -> Iterator[Membership]:
    """Open a transaction with the team's row locked, and yield the actor's own membership.

    Raises:
        UnknownTeam: there is no such team, or the actor is not in it.
    """
    with transaction.atomic(), acting(actor, what):
        lock_team(team_id)
        yield find_own(team_id, actor)


def lock_team(team_id: UUID) -> Team:
    """Return the team, locked until the transaction ends.

    Raises:
        UnknownTeam: there is no such team.
        RuntimeError: no transaction is open, so the lock would not last.
    """
    require_transaction()
    team = Team.objects.select_for_update(no_key=True).filter(pk=team_id).first()
    if team is None:
        raise unknown_team()
    return team


def find_own(team_id: UUID, user: User) -> Membership:
    """Return the user's own membership.

    Raises:
        UnknownTeam: there is no such team, or the user is not in it.
    """
    own = Membership.objects.select_related("team").filter(team=team_id, user=user).first()
    if own is None:
        raise unknown_team()
    return own


def find_member(team_id: UUID, user_id: UUID) -> Membership:
    """Return another user's membership. Raises `UnknownMember`."""
    member = Membership.objects.select_related("user", "team").filter(team=team_id, user=user_id).first()
    if member is None:
        raise UnknownMember(_("This user isn’t a member of the team."), team=str(team_id), user=str(user_id))
    return member


def unknown_team() -> UnknownTeam:
    return UnknownTeam(_("This team doesn’t exist, or you’re not a member."))


def end_membership(member: Membership) -> None:
    """Remove a user from a team whose row is locked, and revoke their open invitations. Counted spending stays."""
    open_ones = Invitation.objects.filter(accepted_at__isnull=True, revoked_at__isnull=True)
    open_ones.filter(team=member.team_id, invited_by=member.user_id).update(revoked_at=timezone.now())
    member.delete()


def _refuse_owner(member: Membership) -> None:
    if member.role == Role.OWNER:
        raise OwnerMustStay(_("A team must have an owner. Make another member the owner first."))


def _checked_name(name: str) -> str:
    name = " ".join(name.split())
    if not name or len(name) > NAME_LENGTH or not name.isprintable():
        message = _("Enter a team name of up to %(length)d characters.") % {"length": NAME_LENGTH}
        raise InvalidTeam(message, field="name")
    return name
