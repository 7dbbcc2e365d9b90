"""Limit what staff adjust without a second person: `ADJUSTMENT_APPROVAL_ABOVE` credits within 24 hours."""

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
    """Return what they may adjust alone now. Adjustments that were approved, declined or still wait don't count."""
    lately = Adjustment.objects.filter(
        asked_by=member, needs_approval=False, status=Adjustment.Status.BOOKED, asked_at__gt=a_day_ago()
    )
    used = lately.aggregate(credits=Sum(Abs("amount")), since=Min("asked_at"))
    return DailyAllowance.of(settings.ADJUSTMENT_APPROVAL_ABOVE, used["credits"] or Decimal(0), used["since"])


def needs_second_person(member: User, amount: Decimal) -> bool:
    """Return whether the amount exceeds what they may adjust alone, given the last 24 hours. Call it in the
    transaction that stores the adjustment, so that of two concurrent ones the second counts the first.
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
