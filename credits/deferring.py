"""Defer the jobs of `credits.tasks`."""

from __future__ import annotations

from uuid import UUID

from core.jobs.deferring import defer


def defer_expiry_warning(account_id: UUID) -> None:
    """Email the account's users about credits that expire soon."""
    defer("credits.send_expiry_warning", account_id=str(account_id))


def defer_low_balance_mail(alert_id: int) -> None:
    """Email the account's users that the balance fell below their threshold."""
    defer("credits.send_low_balance", alert_id=alert_id)


def defer_gift_mail(gift_id: UUID, to: str) -> None:
    """Email the gift's ``recipient`` or ``sender``."""
    defer("credits.send_gift_mail", gift_id=str(gift_id), to=to)
