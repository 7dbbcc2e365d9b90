"""Limit staff without the permission for any amount to `REFUND_LIMIT` per currency within 24 hours."""

from __future__ import annotations

from django.conf import settings
from django.db.models import Min, Sum
from django.utils.translation import gettext as _

from accounts.limits.daily import DailyAllowance, a_day_ago
from accounts.models import User
from billing.currencies import decimal_places
from billing.errors import RefundAboveLimit
from billing.money import Money
from billing.refunds.models import Refund
from core.database.locks import take_turns


def allowance_of(member: User, currency: str) -> DailyAllowance | None:
    """Return what the member may refund, in the main unit; None: any amount. Failed and canceled ones don't count."""
    if member.has_perm("refunds.refund_any_amount"):
        return None
    lately = Refund.objects.filter(
        asked_by=member.pk, currency=currency, created_at__gt=a_day_ago(), status__in=Refund.STANDING
    )
    used = lately.aggregate(minor=Sum("amount_minor"), since=Min("created_at"))
    return DailyAllowance.of(_limit(currency).major, Money(used["minor"] or 0, currency).major, used["since"])


def check_limit(amount: Money, member: User) -> None:
    """Check the member's limit, in the transaction that records the refund, so that concurrent refunds count.

    Raises:
        RefundAboveLimit: the member's refunds of the last 24 hours and this one exceed the limit.
    """
    if member.has_perm("refunds.refund_any_amount"):
        return
    take_turns(f"refunds:{member.pk}:{amount.currency}")
    allowance = allowance_of(member, amount.currency)
    if allowance is not None and amount.major > allowance.left:
        raise RefundAboveLimit(
            " ".join((in_words(allowance, amount.currency), _("Ask someone with a higher limit."))),
            left=allowance.left,
            more_at=allowance.more_at,
        )


def describe_limit(member: User, currency: str) -> str:
    """Return the dialog's text about the limit; empty for members who may refund any amount."""
    allowance = allowance_of(member, currency)
    return in_words(allowance, currency) if allowance else ""


def in_words(allowance: DailyAllowance, currency: str) -> str:
    limit = Money.from_major(allowance.limit, currency)
    if not allowance.until:
        return _("Your refund limit is %(limit)s per 24 hours.") % {"limit": limit}
    left = Money.from_major(allowance.left, currency)
    message = _("Your refund limit is %(limit)s per 24 hours; you can refund %(left)s until %(until)s.")
    return message % {"limit": limit, "left": left, "until": allowance.until}


def _limit(currency: str) -> Money:
    return Money(int(settings.REFUND_LIMIT.scaleb(decimal_places(currency))), currency)
