"""Notify users of a low balance: a banner each time it falls below the threshold, and at most one email a day.

Spends never look at thresholds. A job compares all of them with their accounts once a minute, in one statement, so a
dip within a minute goes unnoticed. A crossing within a day of the last email is emailed after it, if still below.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from django.db import connection, transaction
from django.http import HttpRequest
from django.utils import timezone

from accounts.models import User
from accounts.teams.models import Membership, Team
from accounts.teams.permissions import may_manage
from accounts.teams.switching import acting_team
from core.database.locks import take_turns
from credits.amounts import positive_amount
from credits.deferring import defer_low_balance, defer_low_balance_mail
from credits.ledger import operations as ledger
from credits.ledger.holders import account_of, find_recipient, recipients_of
from credits.mailing import BETWEEN_NOTICES, send_mail, was_mailed_lately
from credits.notices.models import BalanceAlert

HIDDEN_KEY = "low_balance_hidden"

# Without a threshold nothing is compared, and the row stays unchanged.
MARK_CROSSINGS = """
    UPDATE credits_balancealert b
    SET below = a.balance - a.held < b.threshold,
        mail_due = a.balance - a.held < b.threshold,
        crossed_at = CASE WHEN a.balance - a.held < b.threshold THEN clock_timestamp() ELSE b.crossed_at END
    FROM credits_account a
    WHERE a.id = b.account_id AND b.below <> (a.balance - a.held < b.threshold)
    RETURNING b.below
"""
TAKE_DUE = """
    UPDATE credits_balancealert SET mail_due = false
    WHERE mail_due AND below AND (mailed_at IS NULL OR mailed_at <= %s)
    RETURNING id
"""


@dataclass(frozen=True)
class LowBalance:
    """The content of the banner. ``crossing`` identifies the crossing it is about."""

    available: Decimal
    threshold: Decimal
    crossing: str


def threshold_of(account_id: UUID | None) -> Decimal | None:
    """Return the account's threshold; None turns notices off."""
    return BalanceAlert.objects.filter(account=account_id).values_list("threshold", flat=True).first()


def may_set_threshold(user: User, team: Team | None) -> bool:
    """Return whether the user may set the threshold: their own, or that of a team they own or administer."""
    if team is None:
        return True
    own = Membership.objects.filter(team=team, user=user).first()
    return own is not None and may_manage(own)


def set_threshold(user: User, team: Team | None, threshold: Decimal | None) -> None:
    """Notify the account's users from now on when less than ``threshold`` is available; None turns this off.

    A balance below a first threshold counts as a crossing. Changing the number doesn't notify again.

    Raises:
        InvalidAmount: see `positive_amount`.
    """
    if threshold is None:
        alerts = BalanceAlert.objects.filter(account__in=account_of(user, team))
        alerts.update(threshold=None, below=False, mail_due=False)
        return
    account = ledger.open_team_account(team) if team else ledger.open_account(user)
    BalanceAlert.objects.update_or_create(account=account, defaults={"threshold": positive_amount(threshold)})


def find_crossings() -> int:
    """Mark balances that crossed their threshold and defer the emails due, in one transaction. Return how many fell."""
    with transaction.atomic(), connection.cursor() as cursor:
        take_turns("low-balances")
        cursor.execute(MARK_CROSSINGS)
        fallen = [below for (below,) in cursor.fetchall()].count(True)
        cursor.execute(TAKE_DUE, [timezone.now() - BETWEEN_NOTICES])
        for (alert_id,) in cursor.fetchall():
            defer_low_balance(alert_id)
    return fallen


def announce_low_balance(alert_id: int) -> bool:
    """Have a crossing emailed, once, at most daily and only if still below; return whether this call did.

    The mark commits with a job for each recipient: what is retried or repeated is the email to one of them.
    """
    with transaction.atomic():
        take_turns(f"low-balance:{alert_id}")
        alert = BalanceAlert.objects.select_related("account__team").filter(pk=alert_id).first()
        if alert is None or not _is_news(alert):
            return False
        if was_mailed_lately(alert.mailed_at):
            BalanceAlert.objects.filter(pk=alert_id, below=True).update(mail_due=True)
            return False
        now = timezone.now()
        BalanceAlert.objects.filter(pk=alert_id).update(mailed_at=now)
        for recipient in recipients_of(alert.account):
            defer_low_balance_mail(alert_id, recipient.pk, now)
    return True


def send_low_balance_mail(alert_id: int, user_id: UUID, mailed_at: datetime) -> bool:
    """Email a recipient about the crossing marked ``mailed_at``; return whether this call did.

    Not if the balance rose meanwhile, or a later crossing is being emailed.
    """
    marked = BalanceAlert.objects.filter(pk=alert_id, mailed_at=mailed_at, below=True)
    alert = marked.select_related("account__team").first()
    recipient = find_recipient(alert.account, user_id) if alert else None
    if alert is None or recipient is None:
        return False
    account = alert.account
    context = {"alert": alert, "available": account.balance - account.held, "team": account.team}
    send_mail("low_balance", context, recipient)
    return True


def _is_news(alert: BalanceAlert) -> bool:
    """Return whether the balance is below, by a crossing that no email has reported."""
    if not alert.below or alert.crossed_at is None:
        return False
    return alert.mailed_at is None or alert.mailed_at < alert.crossed_at


def shown_notice(request: HttpRequest) -> LowBalance | None:
    """Return the banner for the account that the user acts for, unless they hid it."""
    if not isinstance(request.user, User):
        return None
    row = (
        BalanceAlert.objects.filter(account__in=account_of(request.user, acting_team(request)), below=True)
        .values_list("account__balance", "account__held", "threshold", "crossed_at")
        .first()
    )
    if row is None:
        return None
    balance, held, threshold, crossed_at = row
    if threshold is None:
        return None
    crossing = crossed_at.isoformat() if crossed_at else ""
    notice = LowBalance(max(Decimal(0), balance - held), threshold, crossing)
    is_hidden = request.session.get(HIDDEN_KEY) == notice.crossing
    return None if is_hidden or balance - held >= threshold else notice


def hide_notice(request: HttpRequest, crossing: str) -> None:
    """Hide the banner in this session, until the balance falls below again."""
    request.session[HIDDEN_KEY] = crossing[:64]
