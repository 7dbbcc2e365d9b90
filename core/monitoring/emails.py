"""Count the emails handed over to the mail server."""

from __future__ import annotations

from django.core.mail import EmailMessage
from prometheus_client import Counter

EMAILS = Counter("credits_emails_total", "Emails handed to the mail server, by result.", ["result"])
SENT, FAILED = EMAILS.labels("sent"), EMAILS.labels("failed")


def send_counted(mail: EmailMessage) -> None:
    """Send an email, and count it.

    Raises:
        Exception: whatever the backend raises; it is counted as failed.
    """
    try:
        mail.send()
    except Exception:
        FAILED.inc()
        raise
    SENT.inc()
