"""What staff may refund without the permission for any amount: `REFUND_LIMIT` within 24 hours, in each currency."""

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
    """What they may refund now, in the currency's main unit; None: as much as they like. What failed or was canceled
    doesn't count.
    """
    if member.has_perm("refunds.refund_any_amount"):
        return None
    lately = Refund.objects.filter(
        asked_by=member.pk, currency=currency, created_at__gt=a_day_ago(), status__in=Refund.STANDING
    )
    used = lately.aggregate(minor=Sum("amount_minor"), since=Min("created_at"))
    return DailyAllowance.of(_limit(currency).major, Money(used["minor"] or 0, currency).major, used["since"])


def check_limit(amount: Money, member: User) -> None:
    """In the transaction that writes the refund down: of two at once the second finds what the first has left.

    Raises:
        RefundAboveLimit: with what they refunded in the last 24 hours it comes to more than they may.
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


def told_to(member: User, currency: str) -> str:
    """What a dialog says of it; nothing to those who may refund any amount."""
    allowance = allowance_of(member, currency)
    return in_words(allowance, currency) if allowance else ""


def in_words(allowance: DailyAllowance, currency: str) -> str:
    limit = Money.from_major(allowance.limit, currency)
    if not allowance.until:
        return _("Your refund limit is %(limit)s per 24 hours.") % {"limit": limit}
    left = Money.from_major(allowance.left, currency)
    told = _("Your refund limit is %(limit)s per 24 hours; you can refund %(left)s until %(until)s.")
    return told % {"limit": limit, "left": left, "until": allowance.until}


def _limit(currency: str) -> Money:
    return Money(int(settings.REFUND_LIMIT.scaleb(decimal_places(currency))), currency)
