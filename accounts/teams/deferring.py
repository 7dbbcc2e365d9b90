"""Defer the jobs of teams, which `accounts.teams.tasks` runs."""

from __future__ import annotations

from uuid import UUID

from core.jobs.deferring import defer


def defer_invitation_mail(invitation_id: UUID) -> None:
    """Defer the invitation's email."""
    defer("teams.send_invitation", invitation_id=str(invitation_id))
