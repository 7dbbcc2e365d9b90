"""Expire what is overdue: release holds, and book out expired lots.

The ledger never spends expired credits, whether these have run or not; they keep the books and shown balances current.
"""

from __future__ import annotations

from uuid import UUID

from django.db.models import F
from django.db.models.functions import Now

from credits.ledger import operations as ledger
from credits.ledger.models import Lot

BATCH = 1000
LOTS_AT_ONCE = 10_000


def end_overdue_holds() -> int:
    """End every overdue hold; return how many."""
    ended = 0
    while found := ledger.expire_holds(BATCH):
        ended += found
    return ended


def book_out_expired_lots() -> int:
    """Book out what expired lots have left and no hold has pinned, account by account; return how many lots."""
    expired = 0
    while accounts := _accounts_with_expired_lots():
        booked = sum(ledger.expire_lots(account_id) for account_id in accounts)
        expired += booked
        if not booked:  # booked or pinned by somebody else
            break
    return expired


def _accounts_with_expired_lots() -> list[UUID]:
    """Return up to a batch of accounts, the longest overdue first."""
    lots = Lot.objects.filter(exhausted=False, expires_at__lte=Now(), remaining__gt=F("held"))
    first = lots.order_by("expires_at").values_list("account_id", flat=True)[:LOTS_AT_ONCE]
    return list(dict.fromkeys(first))
