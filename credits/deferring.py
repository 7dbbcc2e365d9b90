"""The jobs that credits asks for. `credits.tasks` does them."""

from __future__ import annotations

from uuid import UUID

from core.jobs.deferring import defer


def defer_expiry_warning(account_id: UUID) -> None:
    """Mail the account's members about lots that expire soon."""
    defer("credits.send_expiry_warning", account_id=str(account_id))


def defer_low_balance_mail(alert_id: int) -> None:
    """Mail the account's members that the balance fell below their threshold."""
    defer("credits.send_low_balance", alert_id=alert_id)


def defer_gift_mail(gift_id: UUID, to: str) -> None:
    """Mail the gift's ``recipient`` or ``sender``."""
    defer("credits.send_gift_mail", gift_id=str(gift_id), to=to)
