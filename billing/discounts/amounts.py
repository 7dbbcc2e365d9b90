"""Price custom amounts by what packages cost now: in a sale, an amount gets the sale's rates as well.

Else a package that costs less in a sale would bring more than a higher amount, which is never to be.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from billing.discounts.sales import at_sale_prices
from billing.packages.amounts import PricedAmount, price_amount
from billing.packages.models import CustomAmount, Package
from billing.packages.prices import sold_in
from billing.packages.selectors import custom_amount_in, packages_on_sale


@dataclass(frozen=True)
class AmountNow:
    """What an amount buys ``now``, and what it buys outside of a sale."""

    now: PricedAmount
    regular: PricedAmount


def priced_now(amount: Decimal, entry: CustomAmount) -> AmountNow:
    """Return what an amount in the main unit of the entry's currency buys.

    Raises:
        AmountBelowMinimum, AmountAboveMaximum, AmountNotOnIncrement: the entry doesn't allow this amount.
    """
    return priced_by(amount, entry, sold_in(packages_on_sale(), entry.currency))


def priced_by(amount: Decimal, entry: CustomAmount, packages: Sequence[Package]) -> AmountNow:
    """Return the same by these packages on sale, at their regular prices. Raises as `priced_now`."""
    regular = price_amount(amount, entry, packages)
    reduced = at_sale_prices(packages)
    return AmountNow(price_amount(amount, entry, reduced, starters=packages) if reduced else regular, regular)


@dataclass(frozen=True)
class Quote:
    """Which amounts can be bought in a currency, and what one of them buys."""

    limits: CustomAmount
    priced: PricedAmount | None


def quote(currency: str, amount: Decimal | None = None) -> Quote:
    """Return the currency's limits, and the price of an amount in its main unit, by what is on sale now.

    Raises:
        CustomAmountsNotSold: buyers can't choose the amount in this currency.
        AmountRefused: its entry doesn't allow this amount.
    """
    entry = custom_amount_in(currency)
    return Quote(entry, None if amount is None else priced_now(amount, entry).now)
