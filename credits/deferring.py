"""Defer the jobs of `credits.tasks`."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from core.jobs.deferring import defer


def defer_expiry_warning(account_id: UUID) -> None:
    """Have an email sent to each recipient of the account about credits that expire soon."""
    defer("credits.send_expiry_warning", account_id=str(account_id))


def defer_expiry_mail(account_id: UUID, user_id: UUID, mailed_at: datetime) -> None:
    """Email one of them about the lots marked ``mailed_at``."""
    defer(
        "credits.send_expiry_warning",
        account_id=str(account_id),
        user_id=str(user_id),
        mailed_at=mailed_at.isoformat(),
    )


def defer_low_balance(alert_id: int) -> None:
    """Have an email sent to each recipient of the account: the balance fell below their threshold."""
    defer("credits.send_low_balance", alert_id=alert_id)


def defer_low_balance_mail(alert_id: int, user_id: UUID, mailed_at: datetime) -> None:
    """Email one of them about the crossing marked ``mailed_at``."""
    defer(
        "credits.send_low_balance",
        alert_id=alert_id,
        user_id=str(user_id),
        mailed_at=mailed_at.isoformat(),
    )


def defer_gift_mail(gift_id: UUID, to: str) -> None:
    """Email the gift's ``recipient`` or ``sender``."""
    defer("credits.send_gift_mail", gift_id=str(gift_id), to=to)
