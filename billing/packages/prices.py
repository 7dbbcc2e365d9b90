"""Price packages in the currency that a buyer chose."""

from __future__ import annotations

import copy
from collections.abc import Iterable

from billing.packages.models import Package, PackagePrice


def priced_in(packages: Iterable[Package], currency: str) -> list[Package]:
    """Return the packages, those that have a price in the currency with that one, in one query.

    A package with another price than its own is a copy that must not be saved. No Stripe price is of its amount, so it
    is sold by its product.
    """
    listed = list(packages)
    found = PackagePrice.objects.filter(currency=currency, package__in=[each.pk for each in listed])
    prices = dict(found.values_list("package", "price_minor"))
    return [_priced(each, prices[each.pk], currency) if each.pk in prices else each for each in listed]


def sold_in(packages: Iterable[Package], currency: str) -> list[Package]:
    """Return those packages that have a price in the currency, priced in it."""
    return [each for each in priced_in(packages, currency) if each.currency == currency]


def currencies_to_choose() -> list[str]:
    """Return the currencies that packages on sale are priced in, their own first; one or none leave no choice."""
    own = Package.objects.filter(is_active=True, price_minor__gt=0).values_list("currency", flat=True)
    others = PackagePrice.objects.filter(package__is_active=True).values_list("currency", flat=True)
    return list(dict.fromkeys([*own, *others]))


def _priced(package: Package, price_minor: int, currency: str) -> Package:
    priced = copy.copy(package)
    priced.price_minor, priced.currency = price_minor, currency
    return priced
