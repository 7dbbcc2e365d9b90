"""Email owners a month ahead that the card which their automatic top-up or plan charges expires.

Only where something depends on the card. Banks often renew it by themselves, and Stripe then reports the new date.
"""

from __future__ import annotations

from datetime import date
from uuid import UUID

from django.db import transaction
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from billing.auto_top_up.models import AutoTopUp
from billing.customers.methods import default_method, saved_methods
from billing.customers.models import SavedMethod
from billing.deferring import defer_card_expires, defer_card_expires_mail
from billing.subscriptions.models import Subscription
from credits.ledger.holders import find_recipient, recipients_of
from credits.ledger.models import Account
from credits.mailing import link_to, send_mail


def warn_of_expiring_cards(today: date | None = None) -> int:
    """Defer an email about each card in its last month, or the one before; once per card and expiry date.

    Returns:
        How many were deferred.
    """
    today = today or timezone.localdate()
    plans = Subscription.objects.filter(account=OuterRef("pk"), cancel_at_period_end=False)
    going_on = plans.exclude(stripe_subscription_id=None).exclude(status__in=Subscription.ENDED)
    tops_up = Q(auto_top_up__isnull=False) & ~Q(auto_top_up__state=AutoTopUp.State.OFF)
    accounts = Account.objects.annotate(has_plan=Exists(going_on)).filter(tops_up | Q(has_plan=True))
    warned = 0
    for account in accounts.iterator():
        method = _charged_card(account, today)
        if method is not None and method.expires_soon(today):
            with transaction.atomic():
                if _mark(method):
                    warned += 1
                    defer_card_expires(method.pk)
    return warned


def announce_card_expires(method_id: UUID) -> None:
    """Have each recipient emailed by a job of their own, so that a retry repeats only what wasn't sent."""
    method = SavedMethod.objects.select_related("customer__account").get(pk=method_id)
    with transaction.atomic():
        for recipient in recipients_of(method.customer.account):
            defer_card_expires_mail(method_id, recipient.pk)


def send_card_expires_mail(method_id: UUID, user_id: UUID) -> bool:
    """Email a recipient, unless the card was removed or they left the team meanwhile; return whether this call did."""
    method = SavedMethod.objects.select_related("customer__account__team").get(pk=method_id)
    account = method.customer.account
    recipient = find_recipient(account, user_id)
    if method.detached_at is not None or recipient is None:
        return False
    context = {"card": method, "team": account.team, "billing_url": link_to("credits-billing")}
    send_mail("card_expires", context, recipient)
    return True


def _charged_card(account: Account, today: date) -> SavedMethod | None:
    """Return the default card. A plan may be charged to any: without a default, the one that expires last."""
    default = default_method(account)
    if default is not None:
        return default
    valid = [card for card in saved_methods(account) if card.exp_year and not card.has_expired]
    return max(valid, key=lambda card: (card.exp_year, card.exp_month), default=None)


def _mark(method: SavedMethod) -> bool:
    """Return whether this date was not announced before."""
    expiry = f"{method.exp_year}-{method.exp_month:02d}"
    return bool(
        SavedMethod.objects.filter(pk=method.pk)
        .exclude(announced_expiry=expiry)
        .update(announced_expiry=expiry)
    )
