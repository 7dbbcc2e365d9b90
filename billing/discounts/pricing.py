"""Work out what a sale or a code takes off a price. Pure functions.

What is left to pay is rounded half up to what Stripe can charge, in favour of neither side more than half a step.
"""

from __future__ import annotations

from decimal import Decimal

from billing.currencies import smallest_step
from billing.money import Money, round_minor


def less_percent(price: Money, percent: Decimal) -> Money:
    """Return the price less a percentage."""
    step = smallest_step(price.currency)
    left = Decimal(price.minor) * (100 - percent) / 100
    return Money(round_minor(left / step) * step, price.currency)


def less_amount(price: Money, amount_minor: int) -> Money:
    """Return the price less an amount; zero if that is more."""
    return Money(max(0, price.minor - amount_minor), price.currency)
