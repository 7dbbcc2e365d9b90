"""Work out what a sale, a code or a multi-buy takes off a price. Pure functions.

What is left to pay is rounded half up to what Stripe can charge, in favour of neither side more than half a step.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from billing.currencies import smallest_step
from billing.money import Money, price_refusal, round_minor


def less_percent(price: Money, percent: Decimal) -> Money:
    """Return the price less a percentage."""
    step = smallest_step(price.currency)
    left = Decimal(price.minor) * (100 - percent) / 100
    return Money(round_minor(left / step) * step, price.currency)


def sale_price(regular: Money, percent: Decimal) -> Money:
    """Return the price in a sale: the regular one where too little would be left for Stripe to charge."""
    price = less_percent(regular, percent)
    return regular if not price.minor or price_refusal(price) else price


def less_amount(price: Money, amount_minor: int) -> Money:
    """Return the price less an amount; zero if that is more."""
    return Money(max(0, price.minor - amount_minor), price.currency)


def free_packs(packs: Sequence[tuple[int, int]], *, paid: int, free: int) -> list[int]:
    """Return how many of each kind are free: of every ``paid`` + ``free`` packs ``free``, the cheapest of all.

    Args:
        packs: the price of one, and how many of it.
    """
    left = sum(count for _price, count in packs) // (paid + free) * free
    found = [0] * len(packs)
    for index in sorted(range(len(packs)), key=lambda index: packs[index][0]):
        found[index] = min(left, packs[index][1])
        left -= found[index]
    return found
