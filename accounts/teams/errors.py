"""Define what teams refuse. Messages are for users and say what to do."""

from __future__ import annotations

from typing import Any

from core.errors import DomainError


class TeamError(DomainError):
    """The base of every refusal here. ``field`` in ``params`` names the form field that is wrong, if any."""


class UnknownTeam(TeamError):
    """No such team, or one that the user is not in: both look the same."""

    code = "unknown_team"
    status = 404


class UnknownMember(TeamError):
    code = "unknown_member"
    status = 404


class UnknownInvitation(TeamError):
    """No such invitation, or a token of none."""

    code = "unknown_invitation"
    status = 404


class InvitationClosed(TeamError):
    """The invitation was accepted or revoked, or has expired; ``why`` in ``params`` says which."""

    code = "invitation_closed"
    status = 410


class RoleForbids(TeamError):
    """The member's role doesn't allow this."""

    code = "role_forbids"
    status = 403


class OwnerMustStay(TeamError):
    """The owner can't leave, be removed or be demoted until another member is the owner."""

    code = "owner_must_stay"
    status = 409


class AlreadyMember(TeamError):
    code = "already_member"
    status = 409


class AlreadyInvited(TeamError):
    code = "already_invited"
    status = 409


class TooManyInvitations(TeamError):
    """Too many invitations: nobody may use this site to send mass email."""

    code = "too_many_invitations"
    status = 429


class InvalidTeam(TeamError):
    """An invalid name, role, email address or cap."""

    code = "invalid_team"
    status = 400


class AccountSwitched(TeamError):
    """A page was shown for an account other than the current one. Nothing was done.

    ``params``: ``shown`` and ``acting`` name the two; ``switch_to`` is the first's value in the switch, None if
    refused.
    """

    code = "account_switched"
    status = 409


class CapReached(TeamError):
    """The spend would exceed the cap. ``params``: ``cap``, ``left`` (Decimal credits), ``period``, ``renews_at``."""

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
