"""Invite users to a team: an email whose link lets one user join, once, within a week.

The link's token is derived from the invitation's id and SECRET_KEY, so that the job that sends the email can recreate
it; the database stores only its hash. Anyone who has the link and is signed in may use it: users' addresses at the
provider and here often differ.
"""

from __future__ import annotations

import hashlib
from base64 import urlsafe_b64encode
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction
from django.utils import timezone
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext as _

from accounts.audit.context import acting
from accounts.email_addresses import email_key, people_with
from accounts.models import User
from accounts.presence import keep_from_erasure
from accounts.teams.caps import Cap
from accounts.teams.deferring import defer_invitation_mail
from accounts.teams.errors import (
    AlreadyInvited,
    AlreadyMember,
    InvalidTeam,
    InvitationClosed,
    TooManyInvitations,
    UnknownInvitation,
)
from accounts.teams.membership import changing, lock_team
from accounts.teams.models import Invitation, Membership, Role
from accounts.teams.permissions import require_outranks

LIFETIME = timedelta(days=7)
# Per inviting user, over all their teams, so that nobody uses this site to send mass email.
MOST_PER_DAY = 50
# To one address: revoking and inviting again must not flood a mailbox.
MOST_TO_ONE_PER_DAY = 3


def invite(actor: User, team_id: UUID, email: str, role: Role, cap: Cap | None = None) -> Invitation:
    """Invite an address; a job that commits with the invitation sends the email.

    Raises:
        UnknownTeam, RoleForbids, InvalidTeam, AlreadyMember, AlreadyInvited, TooManyInvitations.
    """
    email = _checked_email(email)
    if role not in {Role.ADMIN, Role.MEMBER}:
        raise InvalidTeam(_("Choose admin or member."), field="role")
    now = timezone.now()
    with changing(actor, team_id, "invite") as own:
        require_outranks(own, role)
        _refuse_known(team_id, email, now)
        _refuse_flood(actor, email, now)
        invitation = _create(own, email, role, cap, now)
        defer_invitation_mail(invitation.pk)
    return invitation


def revoke(actor: User, team_id: UUID, invitation_id: UUID) -> None:
    """Revoke an invitation: its link no longer works.

    Raises:
        UnknownTeam, UnknownInvitation, RoleForbids, InvitationClosed.
    """
    with changing(actor, team_id, "revoke") as own:
        invitation = Invitation.objects.filter(pk=invitation_id, team=team_id).first()
        if invitation is None:
            raise UnknownInvitation(_("This invitation doesn’t exist."))
        require_outranks(own, invitation.role)
        if invitation.accepted_at or invitation.revoked_at:
            raise _closed(invitation)
        invitation.revoked_at = timezone.now()
        invitation.save(update_fields=["revoked_at"])


def accept(user: User, token: str) -> Membership:
    """Add the user to the team of the token's invitation.

    Raises:
        UnknownInvitation, InvitationClosed.
        AlreadyMember: the invitation stays open for its recipient.
        UserErased: the user was erased a moment ago.
    """
    team_id = find_invitation(token).team_id
    with transaction.atomic(), acting(user, "accept_invitation"):
        keep_from_erasure(user.pk)
        lock_team(team_id)
        invitation = find_invitation(token)  # read again: it can't change under the lock
        require_open(invitation)
        if Membership.objects.filter(team=team_id, user=user).exists():
            raise AlreadyMember(_("You’re already a member of this team."), team=str(team_id))
        invitation.accepted_at, invitation.accepted_by = timezone.now(), user
        invitation.save(update_fields=["accepted_at", "accepted_by"])
        return Membership.objects.create(
            team_id=team_id,
            user=user,
            role=invitation.role,
            cap=invitation.cap,
            cap_period=invitation.cap_period,
        )


def find_invitation(token: str) -> Invitation:
    """Return the invitation of a link's token, open or not.

    Raises:
        UnknownInvitation: there is none any more, or never was.
    """
    invitations = Invitation.objects.select_related("team", "invited_by")
    invitation = invitations.filter(token_hash=hash_of(token)).first()
    if invitation is None:
        raise UnknownInvitation(
            _("We couldn’t find this invitation. Open the link from the email again, or ask for a new one.")
        )
    return invitation


def require_open(invitation: Invitation) -> None:
    """Require an open invitation. Raises `InvitationClosed`."""
    if not invitation.is_open():
        raise _closed(invitation)


def inviter_of(invitation: Invitation) -> str:
    """Return the inviter's name for the recipient; empty if the inviter was erased."""
    inviter = invitation.invited_by
    return (inviter.get_full_name() or inviter.email or inviter.get_username()) if inviter else ""


def token_of(invitation_id: UUID) -> str:
    """Return the token of the emailed link: 43 characters that need no escaping in a URL."""
    digest = salted_hmac("accounts.teams.invitations", str(invitation_id), algorithm="sha256").digest()
    return urlsafe_b64encode(digest).decode().rstrip("=")


def hash_of(token: str) -> str:
    # The token has 256 unguessable bits, so a plain hash is enough.
    return hashlib.sha256(token.encode()).hexdigest()


def _create(own: Membership, email: str, role: Role, cap: Cap | None, now: datetime) -> Invitation:
    invitation_id = uuid4()
    return Invitation.objects.create(
        id=invitation_id,
        team=own.team,
        email=email,
        role=role,
        cap=cap.amount if cap else None,
        cap_period=cap.period if cap else "",
        token_hash=hash_of(token_of(invitation_id)),
        invited_by=own.user,
        expires_at=now + LIFETIME,
    )


def _refuse_known(team_id: UUID, email: str, now: datetime) -> None:
    """Refuse a member, and a second open invitation. An expired invitation is revoked."""
    if Membership.objects.filter(team=team_id, user__in=people_with(email)).exists():
        raise AlreadyMember(_("%(email)s is already a member.") % {"email": email}, field="email")
    waiting = Invitation.objects.filter(
        team=team_id, email=email, accepted_at__isnull=True, revoked_at__isnull=True
    )
    waiting.filter(expires_at__lte=now).update(revoked_at=now)
    if waiting.exists():
        message = _("%(email)s has already been invited. Revoke that invitation to send a new one.")
        raise AlreadyInvited(message % {"email": email}, field="email")


def _refuse_flood(actor: User, email: str, now: datetime) -> None:
    lately = Invitation.objects.filter(invited_by=actor, created_at__gt=now - timedelta(days=1))
    if lately.count() >= MOST_PER_DAY:
        message = _("You’ve sent %(most)d invitations in 24 hours. Please try again tomorrow.")
        raise TooManyInvitations(message % {"most": MOST_PER_DAY})
    if lately.filter(email=email).count() >= MOST_TO_ONE_PER_DAY:
        message = _("You’ve invited %(email)s %(most)d times in 24 hours. Please try again tomorrow.")
        raise TooManyInvitations(message % {"email": email, "most": MOST_TO_ONE_PER_DAY}, field="email")


def _closed(invitation: Invitation) -> InvitationClosed:
    if invitation.accepted_at:
        return InvitationClosed(_("This invitation has already been used."), why="accepted")
    if invitation.revoked_at:
        return InvitationClosed(_("This invitation was revoked. Ask the team for a new one."), why="revoked")
    return InvitationClosed(_("This invitation has expired. Ask the team for a new one."), why="expired")


def _checked_email(email: str) -> str:
    email = email_key(email)
    try:
        validate_email(email)
    except ValidationError as error:
        raise InvalidTeam(_("Enter an email address, such as ada@example.com."), field="email") from error
    if len(email) > Invitation._meta.get_field("email").max_length:  # type: ignore[operator]  # 254, never None
        raise InvalidTeam(_("This email address is too long."), field="email")
    return email
