"""Validate and round amounts of credits."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal

from credits.errors import InvalidAmount

PLACES = 6
MAX_DIGITS = 24
QUANTUM = Decimal(1).scaleb(-PLACES)
LARGEST = Decimal(10) ** (MAX_DIGITS - PLACES) - QUANTUM


def round_credits(amount: Decimal) -> Decimal:
    """Round to six places, half to even, so that many roundings don't drift one way. The only rounding rule."""
    return amount.quantize(QUANTUM, rounding=ROUND_HALF_EVEN)


def positive_amount(amount: Decimal) -> Decimal:
    """Return ``amount`` with six places.

    Raises:
        InvalidAmount: it is not a finite `Decimal` above zero with at most six places and below 10^18. It is refused,
        not rounded: a caller that sends more places means something that can't be stored.
    """
    if not isinstance(amount, Decimal):
        raise InvalidAmount("An amount of credits is a Decimal.", amount=repr(amount))
    if not amount.is_finite() or amount <= 0:
        raise InvalidAmount("The amount must be above zero.", amount=str(amount))
    if amount > LARGEST:
        raise InvalidAmount("The amount must be below 10^18.", amount=str(amount))
    rounded = round_credits(amount)
    if rounded != amount:
        raise InvalidAmount("The amount can have at most six decimal places.", amount=str(amount))
    return rounded
