"""Run background jobs on sessions."""

from __future__ import annotations

from procrastinate.contrib.django import app

from accounts.sign_in.expired_sessions import delete_expired_sessions
from core.jobs.queues import UPKEEP


@app.periodic(cron="41 * * * *")
@app.task(name="accounts.forget_sessions", queue=UPKEEP, queueing_lock="accounts.forget_sessions")
def forget_sessions(timestamp: int) -> None:
    """Delete expired sessions."""
    delete_expired_sessions()
