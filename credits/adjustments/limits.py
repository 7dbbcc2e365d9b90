"""What staff give and take without a second person: `ADJUSTMENT_APPROVAL_ABOVE` credits within 24 hours."""

from __future__ import annotations

from decimal import Decimal

from django.conf import settings
from django.db.models import Min, Sum
from django.db.models.functions import Abs
from django.utils.translation import gettext as _

from accounts.limits.daily import DailyAllowance, a_day_ago
from accounts.models import User
from core.database.locks import take_turns
from credits.adjustments.models import Adjustment
from credits.formatting import credits_amount


def allowance_of(member: User) -> DailyAllowance:
    """What they may give and take alone now. What a second person approved doesn't count, nor what waits or was
    declined.
    """
    lately = Adjustment.objects.filter(
        asked_by=member, needs_approval=False, status=Adjustment.Status.BOOKED, asked_at__gt=a_day_ago()
    )
    used = lately.aggregate(credits=Sum(Abs("amount")), since=Min("asked_at"))
    return DailyAllowance.of(settings.ADJUSTMENT_APPROVAL_ABOVE, used["credits"] or Decimal(0), used["since"])


def needs_second_person(member: User, amount: Decimal) -> bool:
    """Whether it comes to more than they may give and take alone, with what they did in the last 24 hours. In the
    transaction that writes the adjustment down: of two at once the second finds what the first has left.
    """
    take_turns(f"adjustments:{member.pk}")
    return abs(amount) > allowance_of(member).left


def in_words(allowance: DailyAllowance) -> str:
    limit, left = credits_amount(allowance.limit), credits_amount(allowance.left)
    if allowance.until:
        told = _(
            "You can adjust up to %(left)s credits without approval until %(until)s (%(limit)s per 24 hours)."
        )
        told %= {"left": left, "until": allowance.until, "limit": limit}
    else:
        told = _("You can adjust up to %(limit)s credits per 24 hours without approval.") % {"limit": limit}
    return " ".join((told, _("A second person must approve more.")))
