"""How amounts are shown on pages and in mails."""

from __future__ import annotations

from decimal import Decimal

from django import template
from django.utils.formats import number_format

register = template.Library()


@register.filter
def credits_amount(amount: Decimal) -> str:
    """An amount of credits for reading: thousands apart, no trailing zeros. 5000.000000 is "5,000", 2.50 is "2.5"."""
    plain = f"{amount:f}"
    decimals = len(plain.rstrip("0").partition(".")[2]) if "." in plain else 0
    return number_format(amount, decimal_pos=decimals, use_l10n=True, force_grouping=True)
