"""Compute list price, discount and cost per 1,000 credits from the packages on sale."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import ROUND_DOWN, Decimal

from billing.money import Money, round_minor
from billing.packages.models import Package
from billing.packages.prices import sold_in

HUNDREDTH = Decimal("0.01")


@dataclass(frozen=True)
class Offer:
    """A package as shown to buyers. ``list_price`` is the credits at the starter package's rate, which nobody asked:
    never show it as an old price. ``reduced`` is the price in a sale, or with a discount code.
    """

    package: Package
    list_price: Money
    reduced: Money | None = None

    @property
    def price(self) -> Money:
        return self.reduced or self.package.price

    @property
    def saving(self) -> Money:
        return Money(self.list_price.minor - self.price.minor, self.package.currency)

    @property
    def discount_percentage(self) -> Decimal:
        """Return the saving in percent."""
        return discount(self.price, self.list_price)

    @property
    def cost_per_thousand(self) -> Money:
        return cost_per_thousand(self.price, self.package.credits)


def offers(packages: Iterable[Package]) -> list[Offer]:
    """Return an offer for each package, in the given order, without queries."""
    listed = list(packages)
    starters = {
        currency: starter_in(listed, currency) for currency in {package.currency for package in listed}
    }
    return [Offer(package, _list_price(package, starters[package.currency])) for package in listed]


def offer_for(package: Package) -> Offer:
    """Return one package's offer, compared with all on sale in its currency."""
    others = Package.objects.filter(is_active=True).exclude(pk=package.pk)
    return offers([package, *sold_in(others, package.currency)])[0]


def discounts(packages: Sequence[Package]) -> dict[int, Decimal]:
    """Return each package's discount by id, on sale or not, compared with those on sale, without queries."""
    on_sale = [package for package in packages if package.is_active]
    return {each.pk: offers([each, *on_sale])[0].discount_percentage for each in packages}


def discount(price: Money, list_price: Money) -> Decimal:
    """Return by how many percent the price is below the list price, rounded down so as not to overpromise."""
    share = Decimal((list_price.minor - price.minor) * 100) / max(1, list_price.minor)
    return share.quantize(HUNDREDTH, rounding=ROUND_DOWN)


def cost_per_thousand(price: Money, credits: Decimal) -> Money:
    """Return what 1,000 credits cost when so many have this price."""
    return Money(round_minor(Decimal(price.minor) / credits * 1000), price.currency)


def starter_in(packages: Iterable[Package], currency: str) -> Package | None:
    """Return the currency's smallest paid package, whose rate is the list rate."""
    candidates = (package for package in packages if package.currency == currency and package.price_minor)
    return min(candidates, key=lambda package: (package.credits, package.pk), default=None)


def _list_price(package: Package, starter: Package | None) -> Money:
    if starter is None or not package.price_minor:
        return package.price
    rate = Decimal(starter.price_minor) / starter.credits
    # A package above the starter's rate has no discount, rather than a negative one.
    return Money(max(round_minor(rate * package.credits), package.price_minor), package.currency)
