"""Run background jobs on sessions and rate limits."""

from __future__ import annotations

from procrastinate.contrib.django import app

from accounts.limits.stores import delete_old_counts
from accounts.sign_in.expired_sessions import delete_expired_sessions
from core.jobs.queues import UPKEEP


@app.periodic(cron="41 * * * *")
@app.task(name="accounts.forget_sessions", queue=UPKEEP, queueing_lock="accounts.forget_sessions")
def forget_sessions(timestamp: int) -> None:
    """Delete expired sessions, and the counts of past windows."""
    delete_expired_sessions()
    delete_old_counts()
