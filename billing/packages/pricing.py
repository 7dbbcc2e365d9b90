"""List price, discount and cost per 1,000 credits, worked out from the packages on sale."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import ROUND_DOWN, Decimal

from billing.money import Money, round_minor
from billing.packages.models import Package

HUNDREDTH = Decimal("0.01")


@dataclass(frozen=True)
class Offer:
    """A package as it stands in the shop window. ``list_price`` is the starter's rate times the credits."""

    package: Package
    list_price: Money

    @property
    def saving(self) -> Money:
        return Money(self.list_price.minor - self.package.price_minor, self.package.currency)

    @property
    def discount_percentage(self) -> Decimal:
        """Give the saving in per cent of the list price, rounded down: it never promises more than is saved."""
        share = Decimal(self.saving.minor * 100) / max(1, self.list_price.minor)
        return share.quantize(HUNDREDTH, rounding=ROUND_DOWN)

    @property
    def whole_discount(self) -> int:
        """Give the discount in whole per cent, for the badge."""
        return int(self.discount_percentage)

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


def discounts(packages: Sequence[Package]) -> dict[int, Decimal]:
    """Give each package's discount by its id, on sale or not, beside those of them that are on sale. No queries."""
    on_sale = [package for package in packages if package.is_active]
    return {each.pk: offers([each, *on_sale])[0].discount_percentage for each in packages}


def _starter(packages: list[Package], currency: str) -> Package | None:
    """The smallest pack of the currency that costs anything: its rate is the list rate."""
    candidates = (package for package in packages if package.currency == currency and package.price_minor)
    return min(candidates, key=lambda package: (package.credits, package.pk), default=None)


def _list_price(package: Package, starter: Package | None) -> Money:
    if starter is None or not package.price_minor:
        return package.price  # what is free was never sold for more
    rate = Decimal(starter.price_minor) / starter.credits
    # A pack dearer than the starter's rate has no discount, and no negative one either.
    return Money(max(round_minor(rate * package.credits), package.price_minor), package.currency)
