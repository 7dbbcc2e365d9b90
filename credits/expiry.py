"""What time does to credits: overdue holds give back, expired lots are booked out, and people are told some days ahead.

The ledger spends no expired credits whether these have run or not; they keep the books and the shown balance up with
the clock.
"""

from __future__ import annotations

from uuid import UUID

from django.conf import settings
from django.db import connection, transaction
from django.db.models import F
from django.db.models.functions import Now
from django.utils import timezone

from credits import ledger
from credits.holders import people_of
from credits.mailing import send_mail, take_turns
from credits.models import Account, ExpiryWarning, Lot

BATCH = 1000
LOTS_AT_ONCE = 10_000

# A lot that lives for a few days is no news on the day it comes: it is told of when half of its life is over.
MARK_EXPIRING = """
    INSERT INTO credits_expirywarning (lot_id, account_id)
    SELECT l.id, l.account_id FROM credits_lot l
    WHERE NOT l.exhausted AND l.expires_at > now() AND l.expires_at <= now() + %(ahead)s * interval '1 day'
          AND now() >= l.expires_at - least(%(ahead)s * interval '1 day', (l.expires_at - l.created_at) / 2)
          AND NOT EXISTS (SELECT FROM credits_expirywarning w WHERE w.lot_id = l.id)
    ORDER BY l.id
    ON CONFLICT DO NOTHING
    RETURNING account_id
"""


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


def find_expiring_lots() -> int:
    """Marks the lots that expire soon, each once, and defers a mail to their accounts' people; both commit together.
    How many lots.
    """
    from credits.jobs import send_expiry_warning

    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(MARK_EXPIRING, {"ahead": settings.EXPIRY_WARNING_DAYS})
        accounts = [account_id for (account_id,) in cursor.fetchall()]
        for account_id in dict.fromkeys(accounts):
            send_expiry_warning.defer(account_id=str(account_id))
    return len(accounts)


def send_expiry_mail(account_id: UUID) -> bool:
    """Mails the account's people about its marked lots, once for each: whether this call sent a mail. A lot that was
    spent meanwhile is not mentioned.
    """
    with transaction.atomic():
        take_turns(f"expiry-warning:{account_id}")
        unsent = ExpiryWarning.objects.filter(account=account_id, mailed_at__isnull=True)
        ids = list(unsent.values_list("lot_id", flat=True))
        lots = list(
            Lot.objects.filter(pk__in=ids, exhausted=False, expires_at__gt=Now()).order_by("expires_at", "pk")
        )
        ExpiryWarning.objects.filter(pk__in=ids).update(mailed_at=timezone.now())
        if lots:
            account = Account.objects.select_related("team").get(pk=account_id)
            total = sum(lot.remaining for lot in lots)
            send_mail(
                "expiry_warning", {"lots": lots, "total": total, "team": account.team}, people_of(account)
            )
    return bool(lots)
