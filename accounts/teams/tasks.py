"""Run the background jobs of teams."""

from __future__ import annotations

from uuid import UUID

from procrastinate.contrib.django import app

from accounts.teams.invitation_mail import send_invitation_mail
from core.jobs.queues import MAIL
from core.jobs.retrying import PATIENTLY


@app.task(name="teams.send_invitation", queue=MAIL, retry=PATIENTLY)
def send_invitation(invitation_id: str) -> None:
    """Send an invitation's email, once."""
    send_invitation_mail(UUID(invitation_id))
