"""Email an account's owner, or a team's owner and admins, about automatic top-up."""

from __future__ import annotations

from billing.auto_top_up.models import AutoTopUp
from billing.customers.methods import method_left
from credits.ledger.holders import recipients_of
from credits.mailing import link_to, send_mail


def send_auto_top_up_mail(auto_top_up_id: int, what: str) -> None:
    """Send the mail about ``what``: a first decline, the limit, or the reason why it stopped."""
    row = AutoTopUp.objects.select_related("account__team").get(pk=auto_top_up_id)
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
    send_mail("auto_top_up", context, recipients_of(row.account))
