"""Count the figures, count them again, and hold up an entry meanwhile."""

from __future__ import annotations

from datetime import datetime
from io import StringIO
from threading import Event, Thread

from django.core.management import call_command
from django.db import connection, transaction

from billing.purchases.models import Payment, Purchase
from billing.reporting.daily_figures import bring_figures_up_to_date
from credits.ledger.models import Account
from tests.credits.builders import spend


def paid_at(purchase: Purchase, at: datetime) -> None:
    """As if it had been begun and paid then."""
    Purchase.objects.filter(pk=purchase.pk).update(created_at=at, completed_at=at)
    Payment.objects.filter(purchase=purchase).update(paid_at=at)
    purchase.refresh_from_db()


def count() -> None:
    """What the job does each minute."""
    bring_figures_up_to_date()


class Unfinished:
    """Somebody whose entry has its id and is not committed."""

    def __init__(self, account: Account) -> None:
        self.account = account
        self.written, self.may_end = Event(), Event()
        self.thread = Thread(target=self._spend)

    def __enter__(self) -> Unfinished:
        self.thread.start()
        assert self.written.wait(20)
        return self

    def __exit__(self, *error: object) -> None:
        self.may_end.set()
        self.thread.join()

    def _spend(self) -> None:
        with transaction.atomic():
            spend(self.account, 1, key="slow")
            self.written.set()
            self.may_end.wait(20)
        connection.close()


def rebuild(*options: str) -> str:
    out = StringIO()
    call_command("rebuild_figures", *options, stdout=out)
    return out.getvalue()
