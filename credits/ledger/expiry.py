"""What time does to credits: overdue holds give back, expired lots are booked out, and people are told some days ahead.

The ledger spends no expired credits whether these have run or not; they keep the books and the shown balance up with
the clock.
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
    """Ends every hold whose time has passed. How many."""
    ended = 0
    while found := ledger.expire_holds(BATCH):
        ended += found
    return ended


def book_out_expired_lots() -> int:
    """Books out what expired lots have left and no hold has pinned, account by account. How many lots."""
    expired = 0
    while accounts := _accounts_with_expired_lots():
        booked = sum(ledger.expire_lots(account_id) for account_id in accounts)
        expired += booked
        if not booked:  # somebody else did, or pinned it
            break
    return expired


def _accounts_with_expired_lots() -> list[UUID]:
    """Up to a batch of them, the longest overdue first."""
    lots = Lot.objects.filter(exhausted=False, expires_at__lte=Now(), remaining__gt=F("held"))
    first = lots.order_by("expires_at").values_list("account_id", flat=True)[:LOTS_AT_ONCE]
    return list(dict.fromkeys(first))
