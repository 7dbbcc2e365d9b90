"""Run the background jobs of credits. Each may run twice, even concurrently, and does its work once.

`credits.deferring` defers them by name.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from procrastinate.contrib.django import app

from core.jobs.queues import MAIL, MONEY, UPKEEP
from core.jobs.retrying import PATIENTLY
from credits.gifts import mail as gift_mail
from credits.ledger import expiry
from credits.notices import expiry_warnings, low_balance
from credits.reporting import running_dry


@app.periodic(cron="* * * * *")
@app.task(name="credits.expire_holds", queue=MONEY, queueing_lock="credits.expire_holds")
def expire_holds(timestamp: int) -> None:
    """Release overdue holds."""
    expiry.end_overdue_holds()


@app.periodic(cron="*/15 * * * *")
@app.task(name="credits.expire_lots", queue=MONEY, queueing_lock="credits.expire_lots")
def expire_lots(timestamp: int) -> None:
    """Book out what expired lots have left."""
    expiry.book_out_expired_lots()


@app.periodic(cron="23 * * * *")
@app.task(name="credits.warn_of_expiry", queue=UPKEEP, queueing_lock="credits.warn_of_expiry")
def warn_of_expiry(timestamp: int) -> None:
    """Find the lots that expire soon and haven't been announced."""
    expiry_warnings.find_expiring_lots()


@app.task(name="credits.send_expiry_warning", queue=MAIL, retry=PATIENTLY)
def send_expiry_warning(account_id: str, user_id: str = "", mailed_at: str = "") -> None:
    """Email an account's users about lots that expire soon, once for each lot: with a job for each user."""
    if user_id:
        expiry_warnings.send_expiry_mail(UUID(account_id), UUID(user_id), datetime.fromisoformat(mailed_at))
    else:
        expiry_warnings.announce_expiry(UUID(account_id))


@app.periodic(cron="*/15 * * * *")
@app.task(name="credits.find_running_dry", queue=UPKEEP, queueing_lock="credits.find_running_dry")
def find_running_dry(timestamp: int) -> None:
    """Find the customers running low."""
    running_dry.find_running_dry()


@app.periodic(cron="* * * * *")
@app.task(name="credits.find_low_balances", queue=UPKEEP, queueing_lock="credits.find_low_balances")
def find_low_balances(timestamp: int) -> None:
    """Find the balances that fell below their thresholds."""
    low_balance.find_crossings()


@app.task(name="credits.send_low_balance", queue=MAIL, retry=PATIENTLY)
def send_low_balance(alert_id: int, user_id: str = "", mailed_at: str = "") -> None:
    """Email an account's users about a balance that fell below its threshold, once: with a job for each user."""
    if user_id:
        low_balance.send_low_balance_mail(alert_id, UUID(user_id), datetime.fromisoformat(mailed_at))
    else:
        low_balance.announce_low_balance(alert_id)


@app.task(name="credits.send_gift_mail", queue=MAIL, retry=PATIENTLY)
def send_gift_mail(gift_id: str, to: str) -> None:
    """Email a gift's ``recipient`` or ``sender`` about it, once."""
    gift_mail.send_gift_mail(UUID(gift_id), to)
