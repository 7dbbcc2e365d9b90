"""Keep credits for somebody who isn't known yet, in an account of nobody's.

Such an account has neither owner nor team, so nobody spends from it. Its credits are bought, refunded and disputed like
any others, and their cost stays with them. Part of the ledger.
"""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from django.utils import timezone

from core.database.locks import require_transaction
from credits.ledger.models import Account, Lot


def open_escrow() -> Account:
    """Open an account of nobody's."""
    return Account.objects.create()


def begin_lifetime(account_id: UUID, *, days: int | None, promotional_days: int | None) -> None:
    """Let an escrow's credits expire so many days from now, purchased and promotional ones; None: they never do.

    Until then its lots have no expiry: their time runs from when somebody can use them.
    """
    require_transaction()
    now = timezone.now()
    for promotional, lasts in ((False, days), (True, promotional_days)):
        if lasts is not None:
            lots = Lot.objects.filter(account=account_id, promotional=promotional, expires_at=None)
            lots.update(expires_at=now + timedelta(days=lasts))
