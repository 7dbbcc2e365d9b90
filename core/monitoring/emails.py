"""Count the emails handed over to the mail server."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import Counter

EMAILS = Counter("credits_emails_total", "Emails handed to the mail server, by result.", ["result"])
SENT, FAILED = EMAILS.labels("sent"), EMAILS.labels("failed")


@contextmanager
def count_email() -> Iterator[None]:
    """Count the email that is sent within as sent, or as failed if sending it raises."""
    try:
        yield
    except Exception:
        FAILED.inc()
        raise
    SENT.inc()
