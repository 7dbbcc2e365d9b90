"""How amounts are shown on pages and in mails."""

from __future__ import annotations

from django import template

from credits.formatting import credits_amount

register = template.Library()
register.filter("credits_amount", credits_amount)
