"""What teams refuse, each with what it is about. Messages are for people: they say what to do."""

from __future__ import annotations

from typing import Any

from core.errors import DomainError


class TeamError(DomainError):
    """The base of every refusal here. ``field`` in ``params`` names the field of a form that is wrong, if one is."""


class UnknownTeam(TeamError):
    """No such team, or one that the person asking is not in: both look the same."""

    code = "unknown_team"
    status = 404


class UnknownMember(TeamError):
    code = "unknown_member"
    status = 404


class UnknownInvitation(TeamError):
    """No such invitation, or a token that belongs to none."""

    code = "unknown_invitation"
    status = 404


class InvitationClosed(TeamError):
    """The invitation was accepted, revoked, or has expired; ``why`` in ``params`` says which."""

    code = "invitation_closed"
    status = 410


class RoleForbids(TeamError):
    """Somebody in the team whose role doesn't allow this."""

    code = "role_forbids"
    status = 403


class OwnerMustStay(TeamError):
    """The owner can't leave, be removed or be demoted: somebody else becomes the owner first."""

    code = "owner_must_stay"
    status = 409


class AlreadyMember(TeamError):
    code = "already_member"
    status = 409


class AlreadyInvited(TeamError):
    code = "already_invited"
    status = 409


class TooManyInvitations(TeamError):
    """So that nobody can make this site send mail to the world."""

    code = "too_many_invitations"
    status = 429


class InvalidTeam(TeamError):
    """A name, role, e-mail address or cap that none can have."""

    code = "invalid_team"
    status = 400


class AccountSwitched(TeamError):
    """A page was shown for another account than the one acted for now. Nothing was done.

    ``params``: ``shown`` and ``acting`` name the two in words; ``switch_to`` is what the switch calls the first, None
    where the person can't act for it.
    """

    code = "account_switched"
    status = 409


class CapReached(TeamError):
    """The spend would pass the member's cap.

    ``params``: ``cap`` and ``left`` in credits (Decimal), ``period``, and ``renews_at``, when it begins anew.
    """

    code = "cap_reached"
    status = 402

    @property
    def extensions(self) -> dict[str, Any]:
        return {
            "cap": f"{self.params['cap'].normalize():f}",
            "left": f"{self.params['left'].normalize():f}",
            "period": self.params["period"],
            "renews_at": self.params["renews_at"].isoformat().replace("+00:00", "Z"),
        }
