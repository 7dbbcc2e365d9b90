"""Background work of teams."""

from __future__ import annotations

from uuid import UUID

from procrastinate import RetryStrategy
from procrastinate.contrib.django import app

from config.queues import MAIL

# Seconds after each failure: 10, 310, 610, …: some two days in all.
PATIENTLY = RetryStrategy(max_attempts=35, wait=10, linear_wait=300)


@app.task(name="teams.send_invitation", queue=MAIL, retry=PATIENTLY)
def send_invitation(invitation_id: str) -> None:
    """Sends an invitation's mail, once."""
    from accounts.teams.invitation_mail import send_invitation_mail

    send_invitation_mail(UUID(invitation_id))
