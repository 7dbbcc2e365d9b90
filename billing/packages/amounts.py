"""Compute how many credits a custom amount of money buys, by the packages on sale.

A *step* is a package at whose price a better rate may begin; `steps` says which packages are. Let ``a`` be the amount,
``r₀`` the rate of the currency's `CustomAmount`, and ``c/p`` the rate of a step with ``c`` credits for the price ``p``:

    R(a)       = the largest of r₀ and the rates of the steps with p ≤ a
    credits(a) = a · R(a), rounded up to hundredths

1. *Paying more never buys fewer credits.* If a ≤ b, the steps with p ≤ a are among those with p ≤ b, so R(a) ≤ R(b) and
   a · R(a) ≤ b · R(b). Rounding up keeps that order.
2. *The rate is never worse than that of a step that costs no more.* For every step with p ≤ a, R(a) ≥ c/p, and rounding
   up takes nothing away: credits(a) ≥ a · c/p. At its price (a = p) that is at least c, all its credits.

Rounding down would break the second rule: with 1,000 credits for $3.00, $3.01 is worth 1,003.33…, and 1,003.33 is less.
Rounding up gives away less than a hundredth of a credit, under 1% of it, as the minimum buys at least one credit. Rates
are fractions: a decimal quotient is rounded itself, and what it buys could end a hundredth off.

*A bonus counts as well.* With a step's bonus ``b``, T(a) is the largest of R(a) and the (c + b)/p of the steps with
p ≤ a, and the amount buys a · T(a), rounded up in the same way: what exceeds credits(a) is its bonus. Both rules hold
of that sum by the same proof, so a step and its bonus are never more than what an amount above its price buys.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from math import ceil

from django.utils.translation import gettext as _

from billing.currencies import decimal_places
from billing.errors import AmountAboveMaximum, AmountBelowMinimum, AmountNotOnIncrement
from billing.money import Money, round_minor
from billing.packages.models import LARGEST_CREDITS, CustomAmount, Package
from billing.packages.pricing import discount, starter_in

HUNDREDTHS = 100


@dataclass(frozen=True)
class PricedAmount:
    """What an amount buys. ``list_price`` is the credits at the starter package's rate, as for packages;
    ``bonus_credits`` come on top of ``credits``.
    """

    price: Money
    credits: Decimal
    list_price: Money
    validity_days: int | None
    bonus_credits: Decimal = Decimal(0)
    bonus_validity_days: int | None = None

    @property
    def saving(self) -> Money:
        return Money(self.list_price.minor - self.price.minor, self.price.currency)

    @property
    def discount_percentage(self) -> Decimal:
        return discount(self.price, self.list_price)


def price_amount(
    amount: Decimal, entry: CustomAmount, packages: Iterable[Package], *, starters: Iterable[Package] = ()
) -> PricedAmount:
    """Price an amount in the currency's main unit. Only depends on the arguments, and makes no queries.

    Args:
        packages: those on sale, whose prices make the rates.
        starters: the packages whose smallest one's rate is the list rate, if they aren't the same.

    Raises:
        AmountBelowMinimum, AmountAboveMaximum, AmountNotOnIncrement: the entry doesn't allow this amount.
    """
    price, on_sale = _allowed(amount, entry), list(packages)
    affordable = [step for step in steps(entry, on_sale) if step.price_minor <= price.minor]
    base = Fraction(entry.credits_per_unit.scaleb(-decimal_places(entry.currency)))
    rate = max([base, *(_rate(step.credits, step) for step in affordable)])
    with_bonus = max(affordable, key=_rate_with_bonus, default=None)
    credits = _rounded_up(price.minor * rate)
    total = credits
    if with_bonus is not None:
        total = _rounded_up(price.minor * max(rate, _rate_with_bonus(with_bonus)))
    if total > LARGEST_CREDITS:
        message = _("This amount buys more credits than can be recorded. Choose a smaller one.")
        raise AmountAboveMaximum(message, **_limits(entry))
    return PricedAmount(
        price,
        credits,
        _list_price(price, price.minor * rate, list(starters) or on_sale),
        entry.validity_days,
        bonus_credits=total - credits,
        bonus_validity_days=with_bonus.bonus_lasts_days if with_bonus and total > credits else None,
    )


def steps(entry: CustomAmount, packages: Iterable[Package]) -> list[Package]:
    """Return the packages whose rates an amount gets, cheapest first: those on sale in its currency that aren't free
    and whose credits last at least as long as the amount's. Credits at a discount because they expire soon would
    otherwise be sold as ones that don't.
    """
    found = [
        package
        for package in packages
        if package.is_active
        and package.price_minor
        and package.currency == entry.currency
        and _lasts_as_long(package, entry)
    ]
    return sorted(found, key=lambda package: (package.price_minor, package.credits))


def _lasts_as_long(package: Package, entry: CustomAmount) -> bool:
    if package.validity_days is None:
        return True
    return entry.validity_days is not None and package.validity_days >= entry.validity_days


def _allowed(amount: Decimal, entry: CustomAmount) -> Money:
    """Return the amount as money if the entry allows it."""
    if amount < entry.minimum.major:
        raise AmountBelowMinimum(_("The minimum is %s.") % entry.minimum, **_limits(entry))
    if amount > entry.maximum.major:
        raise AmountAboveMaximum(_("The maximum is %s.") % entry.maximum, **_limits(entry))
    if amount % entry.increment.major:
        raise AmountNotOnIncrement(_("Enter a multiple of %s.") % entry.increment, **_limits(entry))
    return Money.from_major(amount, entry.currency)


def _limits(entry: CustomAmount) -> dict[str, Money]:
    return {"minimum": entry.minimum, "maximum": entry.maximum, "increment": entry.increment}


def _rate(credits: Decimal, step: Package) -> Fraction:
    """Return the credits for a minor unit."""
    return Fraction(credits) / step.price_minor


def _rate_with_bonus(step: Package) -> Fraction:
    return _rate(step.credits + step.bonus_credits, step)


def _rounded_up(credits: Fraction) -> Decimal:
    return Decimal(ceil(credits * HUNDREDTHS)) / HUNDREDTHS


def _list_price(price: Money, worth: Fraction, packages: list[Package]) -> Money:
    starter = starter_in((package for package in packages if package.is_active), price.currency)
    if starter is None:
        return price
    listed = worth * starter.price_minor / Fraction(starter.credits)
    return Money(
        max(round_minor(Decimal(listed.numerator) / listed.denominator), price.minor), price.currency
    )
