"""Warn users by email, some days ahead, that credits expire."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Max, QuerySet
from django.db.models.functions import Now
from django.utils import timezone

from core.database.locks import take_turns
from credits.deferring import defer_expiry_mail, defer_expiry_warning
from credits.ledger.holders import find_recipient, recipients_of
from credits.ledger.models import Account, Lot
from credits.mailing import BETWEEN_NOTICES, send_mail, was_mailed_lately
from credits.notices.models import ExpiryWarning

# Lots with a short life are announced at half of it, not on arrival. Accounts emailed within a day wait, so an email
# looks a day ahead: else short-lived lots would expire before the next one.
MARK_EXPIRING = """
    WITH soon AS (
        SELECT l.id, l.account_id, l.expires_at - least(ahead.time, (l.expires_at - l.created_at) / 2) AS due_at
        FROM credits_lot l, (SELECT %(ahead)s * interval '1 day') AS ahead (time)
        WHERE NOT l.exhausted AND l.expires_at > now() AND l.expires_at <= ahead.time + %(next_mail)s
              AND NOT EXISTS (SELECT FROM credits_expirywarning w WHERE w.lot_id = l.id)
    ), told AS (
        SELECT DISTINCT account_id FROM soon
        WHERE due_at <= now() AND NOT EXISTS (
            SELECT FROM credits_expirywarning w
            WHERE w.account_id = soon.account_id AND w.mailed_at > %(last_mail)s
        )
    )
    INSERT INTO credits_expirywarning (lot_id, account_id)
    SELECT id, account_id FROM soon JOIN told USING (account_id) WHERE due_at <= %(next_mail)s
    ORDER BY id
    ON CONFLICT DO NOTHING
    RETURNING account_id
"""


def find_expiring_lots() -> int:
    """Mark expiring lots, each once, and defer an email per account, in one transaction. Return how many lots."""
    now = timezone.now()
    arguments: dict[str, int | datetime] = {
        "ahead": settings.EXPIRY_WARNING_DAYS,
        "last_mail": now - BETWEEN_NOTICES,
        "next_mail": now + BETWEEN_NOTICES,
    }
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(MARK_EXPIRING, arguments)
        accounts = [account_id for (account_id,) in cursor.fetchall()]
        for account_id in dict.fromkeys(accounts):
            defer_expiry_warning(account_id)
    return len(accounts)


def announce_expiry(account_id: UUID) -> bool:
    """Have the account's marked lots emailed, once each, except spent ones; return whether this call did.

    Within a day of the last email the marks are removed, to be set again later. As in
    `credits.notices.low_balance.announce_low_balance`, the marks commit with a job for each recipient.
    """
    with transaction.atomic():
        take_turns(f"expiry-warning:{account_id}")
        warnings = ExpiryWarning.objects.filter(account=account_id)
        unsent = warnings.filter(mailed_at__isnull=True)
        last_mail = warnings.aggregate(last=Max("mailed_at"))["last"]
        lots = [] if was_mailed_lately(last_mail) else _lots_of(unsent)
        if lots:
            now = timezone.now()
            unsent.filter(lot__in=lots).update(mailed_at=now)
            for recipient in recipients_of(Account.objects.get(pk=account_id)):
                defer_expiry_mail(account_id, recipient.pk, now)
        unsent.delete()
    return bool(lots)


def send_expiry_mail(account_id: UUID, user_id: UUID, mailed_at: datetime) -> bool:
    """Email a recipient about the lots marked ``mailed_at``, except what was spent meanwhile or has expired; return
    whether this call did.
    """
    account = Account.objects.select_related("team").get(pk=account_id)
    recipient = find_recipient(account, user_id)
    lots = _lots_of(ExpiryWarning.objects.filter(account=account, mailed_at=mailed_at))
    if recipient is None or not lots:
        return False
    context = {"lots": lots, "total": sum(lot.remaining for lot in lots), "team": account.team}
    send_mail("expiry_warning", context, recipient)
    return True


def _lots_of(warnings: QuerySet[ExpiryWarning]) -> list[Lot]:
    lots = Lot.objects.filter(expiry_warning__in=warnings, exhausted=False, expires_at__gt=Now())
    return list(lots.order_by("expires_at", "pk"))
