"""Say whether and how sales are taxed, and which part of an amount is tax. Stripe Tax calculates the tax itself.

``docs/tax.md`` has the words for accountants.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from django.conf import settings

from billing.money import round_minor

INCLUSIVE: Final = "inclusive"
EXCLUSIVE: Final = "exclusive"
# Reasons why a sale has no tax, of which its documents must speak: the second is Stripe's word.
VOUCHER, REVERSE_CHARGE = "voucher", "reverse_charge"


def taxes_sales() -> bool:
    """Return whether what is sold is taxed when it is sold."""
    return bool(settings.TAX == "stripe" and settings.TAX_POINT == "sale")


def tax_behavior(currency: str) -> str:
    """Return how sales in a currency are taxed: "inclusive" or "exclusive" of the price; empty: not at all."""
    if not taxes_sales():
        return ""
    return INCLUSIVE if currency in settings.TAX_INCLUSIVE_CURRENCIES else EXCLUSIVE


def initial_tax_note() -> str:
    """Return why a sale has no tax if that is known beforehand; else empty."""
    return VOUCHER if settings.TAX == "stripe" and settings.TAX_POINT == "spend" else ""


def tax_within(tax_minor: int, paid_minor: int, returned_minor: int) -> int:
    """Return the tax that goes back with the first ``returned_minor`` of a payment: in proportion, and all with all.

    The tax of one refund is the difference of two of these, so that those of several add up exactly.
    """
    if not tax_minor or returned_minor >= paid_minor:
        return tax_minor
    return round_minor(Decimal(tax_minor) * returned_minor / paid_minor)
