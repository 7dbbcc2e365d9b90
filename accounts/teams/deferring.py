"""The jobs that teams ask for. `accounts.teams.tasks` does them."""

from __future__ import annotations

from uuid import UUID

from core.jobs.deferring import defer


def defer_invitation_mail(invitation_id: UUID) -> None:
    """Mail the invitation."""
    defer("teams.send_invitation", invitation_id=str(invitation_id))
