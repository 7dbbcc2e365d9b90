"""Retry jobs that fail: patiently, and behind newer ones."""

from __future__ import annotations

from django.db import Error
from procrastinate import RetryDecision, RetryStrategy
from procrastinate.jobs import Job


class BehindNewerOnes(RetryStrategy):
    """A strategy that lowers a job's priority with each attempt.

    Of the jobs with one lock only the first in the queue may start, even while that one waits for its next attempt.
    With the same priority a job that waits for hours would keep newer ones waiting, such as a paid renewal behind a
    failed look at the same subscription.
    """

    def get_retry_decision(self, *, exception: BaseException, job: Job) -> RetryDecision | None:
        """Return procrastinate's decision, with one priority less."""
        decision = super().get_retry_decision(exception=exception, job=job)
        if decision is not None:
            decision.priority = job.priority - 1
        return decision


# Seconds after each failure: 10, 310, 610, …: some two days in total, like Stripe's own retries.
PATIENTLY = BehindNewerOnes(max_attempts=35, wait=10, linear_wait=300)
# For what must not happen twice once the database has noted that it begins.
PATIENTLY_IF_DATABASE_FAILS = BehindNewerOnes(
    max_attempts=35, wait=10, linear_wait=300, retry_exceptions=(Error,)
)
