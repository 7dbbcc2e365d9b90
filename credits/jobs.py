"""Background work on credits. Each of these may run twice, also at once, and does its work once."""

from __future__ import annotations

from uuid import UUID

from procrastinate import RetryStrategy
from procrastinate.contrib.django import app

from config.queues import MAIL, MONEY, UPKEEP

# Seconds after each failure: 10, 310, 610, …: some two days in all.
PATIENTLY = RetryStrategy(max_attempts=35, wait=10, linear_wait=300)


@app.periodic(cron="* * * * *")
@app.task(name="credits.expire_holds", queue=MONEY, queueing_lock="credits.expire_holds")
def expire_holds(timestamp: int) -> None:
    """Gives back what overdue holds keep."""
    from credits.expiry import end_overdue_holds

    end_overdue_holds()


@app.periodic(cron="*/15 * * * *")
@app.task(name="credits.expire_lots", queue=MONEY, queueing_lock="credits.expire_lots")
def expire_lots(timestamp: int) -> None:
    """Books out what expired lots have left."""
    from credits.expiry import book_out_expired_lots

    book_out_expired_lots()


@app.periodic(cron="23 * * * *")
@app.task(name="credits.warn_of_expiry", queue=UPKEEP, queueing_lock="credits.warn_of_expiry")
def warn_of_expiry(timestamp: int) -> None:
    """Finds the lots that expire soon and whose owners have not been told."""
    from credits.expiry import find_expiring_lots

    find_expiring_lots()


@app.task(name="credits.send_expiry_warning", queue=MAIL, retry=PATIENTLY)
def send_expiry_warning(account_id: str) -> None:
    """Mails an account's people about its lots that expire soon, once for each lot."""
    from credits.expiry import send_expiry_mail

    send_expiry_mail(UUID(account_id))


@app.periodic(cron="*/15 * * * *")
@app.task(name="credits.find_running_dry", queue=UPKEEP, queueing_lock="credits.find_running_dry")
def find_running_dry(timestamp: int) -> None:
    """Finds the buyers whose credits are about to end."""
    from credits.running_dry import find_running_dry

    find_running_dry()


@app.periodic(cron="* * * * *")
@app.task(name="credits.find_low_balances", queue=UPKEEP, queueing_lock="credits.find_low_balances")
def find_low_balances(timestamp: int) -> None:
    """Finds the balances that fell below their thresholds."""
    from credits.low_balance import find_crossings

    find_crossings()


@app.task(name="credits.send_low_balance", queue=MAIL, retry=PATIENTLY)
def send_low_balance(alert_id: int) -> None:
    """Mails about a balance that fell below its threshold, once."""
    from credits.low_balance import send_low_balance_mail

    send_low_balance_mail(alert_id)


@app.task(name="credits.send_gift_mail", queue=MAIL, retry=PATIENTLY)
def send_gift_mail(gift_id: str, to: str) -> None:
    """Tells a gift's ``recipient`` or ``sender`` of it, once."""
    from credits.gift_mail import send_gift_mail as send

    send(UUID(gift_id), to)
