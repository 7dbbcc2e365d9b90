"""Remind a buyer of a checkout that expired, with a link to continue and one that stops such emails."""

from __future__ import annotations

from uuid import UUID

import structlog

from billing.recovery.reminding import claim, mark_sent
from credits.mailing import link_to, send_mail

log = structlog.get_logger(__name__)


def send_checkout_reminder(reminder_id: UUID) -> bool:
    """Send the reminder unless something stands against it; return whether this call did.

    One that was marked before isn't sent again, even if it failed: better no reminder than two.

    Raises:
        django.db.Error: it couldn't be marked, and waits. A retry sends it.
        Exception: sending it failed. Nothing sends it again.
    """
    purchase = claim(reminder_id)
    if purchase is None:
        return False
    assert purchase.user is not None  # noqa: S101 - claimed for this user
    stop_url = link_to("credits-reminders-stop", reminder_id)
    context = {
        "purchase": purchase,
        "team": purchase.account.team,
        "resume_url": link_to("credits-resume", purchase.pk),
        "stop_url": stop_url,
    }
    # With both, mail programs offer to unsubscribe with one click (RFC 8058).
    headers = {"List-Unsubscribe": f"<{stop_url}>", "List-Unsubscribe-Post": "List-Unsubscribe=One-Click"}
    try:
        send_mail("checkout_reminder", context, purchase.user, headers=headers)
    except Exception as error:
        log.warning("reminder_not_sent", reminder=str(reminder_id), error=type(error).__name__)
        raise
    mark_sent(reminder_id)
    return True
