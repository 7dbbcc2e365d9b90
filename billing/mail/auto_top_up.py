"""Email an account's owner, or a team's owner and admins, about automatic top-up."""

from __future__ import annotations

from uuid import UUID

from django.db import transaction

from billing.auto_top_up.models import AutoTopUp
from billing.customers.methods import method_left
from billing.deferring import defer_auto_top_up_mail
from credits.ledger.holders import find_recipient, recipients_of
from credits.mailing import link_to, send_mail


def announce_auto_top_up(auto_top_up_id: int, what: str) -> None:
    """Have each recipient emailed by a job of their own, so that a retry repeats only what wasn't sent."""
    row = AutoTopUp.objects.select_related("account").get(pk=auto_top_up_id)
    with transaction.atomic():
        for recipient in recipients_of(row.account):
            defer_auto_top_up_mail(auto_top_up_id, what, recipient.pk)


def send_auto_top_up_mail(auto_top_up_id: int, what: str, user_id: UUID) -> bool:
    """Email a recipient about ``what``: a first decline, the limit, or the reason why it stopped; return whether this
    call did. Somebody who left the team meanwhile gets none.
    """
    row = AutoTopUp.objects.select_related("account__team").get(pk=auto_top_up_id)
    recipient = find_recipient(row.account, user_id)
    if recipient is None:
        return False
    last = row.attempts.select_related("purchase__charged_method").first()
    context = {
        "what": what,
        "is_off": row.state == AutoTopUp.State.OFF,
        "team": row.account.team,
        "purchase": last.purchase if last else None,
        "card": last.purchase.charged_method if last else method_left(row.account),
        "limit": row.monthly_limit,
        "billing_url": link_to("credits-billing"),
    }
    send_mail("auto_top_up", context, recipient)
    return True
