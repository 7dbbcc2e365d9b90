"""Format amounts and expiries on the credits pages."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from django import template
from django.utils import timezone
from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from credits.formatting import credits_amount, credits_change, plain
from credits.statement.periods import days_until

register = template.Library()
register.filter("credits_amount", credits_amount)
register.filter("plain", plain)


@register.filter("credits_change")
def signed(amount: Decimal) -> str:
    """Format an amount with its sign, using a true minus: screen readers skip a hyphen."""
    return credits_change(amount).replace("-", "−")


@register.filter
def zone_name(moment: datetime) -> str:
    """Return the moment's zone, "CET" or "CEST". Django's format omits it in the hour that a clock shows twice."""
    return timezone.localtime(moment).tzname() or ""


@register.filter
def goes_in(expires_at: datetime) -> str:
    """Return when credits expire, in days of the reader's calendar: "expires in 12 days"."""
    now = timezone.now()
    if expires_at <= now:
        return _("expired")
    days = days_until(expires_at, now, timezone.get_current_timezone())
    if days == 0:
        return _("expires today")
    if days == 1:
        return _("expires tomorrow")
    shown = number_format(days, force_grouping=True)
    return ngettext("expires in %(days)s day", "expires in %(days)s days", days) % {"days": shown}
