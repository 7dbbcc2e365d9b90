"""Hand emails to the mail server, and tell an address that it refuses from a server that fails."""

from __future__ import annotations

from smtplib import SMTPRecipientsRefused

from anymail.exceptions import AnymailRecipientsRefused
from django.core.mail import EmailMessage

from core.monitoring.emails import count_email

# From here on SMTP's replies are final. Those from 400 on, such as for greylisting, ask to try again later (RFC 5321).
PERMANENT = 500


class AddressRefused(Exception):
    """The mail server refuses the email's address for good: only another address helps."""


def send_email(mail: EmailMessage) -> None:
    """Send an email to one address, and count it.

    Each address gets an email of its own: of several, a server may refuse some for now and take the others, which
    neither SMTP nor a retry of the whole can make up for.

    Raises:
        AddressRefused: the address is wrong, or not to be written to.
        Exception: whatever else the backend raises; a retry may work.
    """
    try:
        with count_email():
            mail.send()
    except AnymailRecipientsRefused as error:
        raise AddressRefused("The email provider refuses the address.") from error
    except SMTPRecipientsRefused as error:
        if _is_final(error):
            raise AddressRefused("The mail server refuses the address.") from error
        raise


def _is_final(error: SMTPRecipientsRefused) -> bool:
    replies = [code for code, _text in error.recipients.values()]
    return bool(replies) and min(replies) >= PERMANENT
