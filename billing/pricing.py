"""List price, discount and cost per 1,000 credits, worked out from the packages on sale."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from billing.models import Package
from billing.money import Money, round_minor


@dataclass(frozen=True)
class Offer:
    """A package as it stands in the shop window. ``list_price`` is the starter's rate times the credits."""

    package: Package
    list_price: Money

    @property
    def saving(self) -> Money:
        return Money(self.list_price.minor - self.package.price_minor, self.package.currency)

    @property
    def cost_per_thousand(self) -> Money:
        per_credit = Decimal(self.package.price_minor) / self.package.credits
        return Money(round_minor(per_credit * 1000), self.package.currency)


def offers(packages: Iterable[Package]) -> list[Offer]:
    """An offer for each package, in the given order. No queries."""
    listed = list(packages)
    starters = {currency: _starter(listed, currency) for currency in {package.currency for package in listed}}
    return [Offer(package, _list_price(package, starters[package.currency])) for package in listed]


def offer_for(package: Package) -> Offer:
    """The offer of one package, among all that are on sale in its currency."""
    others = Package.objects.filter(is_active=True, currency=package.currency).exclude(pk=package.pk)
    return offers([package, *others])[0]


def _starter(packages: list[Package], currency: str) -> Package:
    """The smallest pack of the currency without a discount; without one, the smallest: its rate is the list rate."""
    candidates = [package for package in packages if package.currency == currency]
    return min(candidates, key=lambda package: (package.discount_percentage > 0, package.credits, package.pk))


def _list_price(package: Package, starter: Package) -> Money:
    rate = Decimal(starter.price_minor) / starter.credits
    # A pack dearer than the starter's rate has no discount, and no negative one either.
    return Money(max(round_minor(rate * package.credits), package.price_minor), package.currency)
