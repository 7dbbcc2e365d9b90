"""Represent money as whole minor units and a currency, never as a float and never divided by 100."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_DOWN, ROUND_HALF_UP, Decimal

from django.utils.formats import get_format, number_format
from django.utils.translation import gettext as _

from billing.currencies import MINIMUM, decimal_places, most_chargeable, too_fine, too_many_decimals
from credits.formatting import signed

SYMBOLS = {"usd": "$", "eur": "€", "gbp": "£", "jpy": "¥", "krw": "₩", "inr": "₹"}


@dataclass(frozen=True)
class Money:
    """An amount in ``minor`` units of ``currency`` (ISO 4217 in lower case): ``Money(4500, "usd")`` is $45.00."""

    minor: int
    currency: str

    @classmethod
    def from_major(cls, amount: Decimal, currency: str) -> Money:
        """Convert ``amount`` from the currency's main unit (dollars), exactly.

        Raises:
            ValueError: the currency has no unit that small ($1.005, ¥1.50).
        """
        minor = amount.scaleb(decimal_places(currency))
        if minor != minor.to_integral_value():
            raise ValueError(too_many_decimals(currency))
        return cls(int(minor), currency)

    @property
    def major(self) -> Decimal:
        """Return the amount in the currency's main unit, with all decimal places: 45.00."""
        return Decimal(self.minor).scaleb(-decimal_places(self.currency))

    def __str__(self) -> str:
        """Format for reading, in the reader's language."""
        places = decimal_places(self.currency)
        amount = number_format(abs(self.major), places, use_l10n=True, force_grouping=True)
        sign = signed("−") if self.minor < 0 else ""
        if self.currency not in SYMBOLS:
            return f"{sign}{amount} {self.currency.upper()}"
        pattern: str = get_format("MONEY_FORMAT")
        return pattern.format(sign=sign, amount=amount, symbol=SYMBOLS[self.currency])


def round_minor(amount: Decimal) -> int:
    """Round to a whole minor unit, half up: the one rounding rule for money."""
    return int(amount.to_integral_value(rounding=ROUND_HALF_UP))


def price_refusal(price: Money) -> str:
    """Return why Stripe can't charge this price; empty if it can or the price is zero."""
    currency = price.currency
    if refusal := too_fine(price.minor, currency):
        return refusal
    least, most = (
        Money(MINIMUM.get(currency, 0), currency),
        Money(most_chargeable(currency), currency),
    )
    if 0 < price.minor < least.minor:
        return _("Stripe’s minimum is %s.") % least
    return _("Stripe’s maximum is %s.") % most if price.minor > most.minor else ""


def spread(total: Decimal, weights: Sequence[Decimal], step: Decimal) -> list[Decimal]:
    """Return a total spread by weights, in multiples of ``step``: differences of running totals, so they add up."""
    shares, so_far, reached, whole = [], Decimal(0), Decimal(0), sum(weights)
    for number, weight in enumerate(weights, start=1):
        so_far += weight
        up_to = total if number == len(weights) else total * so_far / whole
        before, reached = reached, up_to.quantize(step, ROUND_DOWN)
        shares.append(reached - before)
    return shares
