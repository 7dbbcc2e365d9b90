"""Find which sale lowers a package's price now."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping, Sequence

from django.utils import timezone

from billing.discounts.models import Sale
from billing.discounts.pricing import sale_price
from billing.packages.models import Package


def sales_now(packages: Iterable[Package]) -> Mapping[int, Sale]:
    """Return the sale of each package that is in one now, by its id: the one that takes most off. Two queries."""
    now = timezone.now()
    running = Sale.objects.filter(is_active=True, starts_at__lte=now, ends_at__gt=now)
    best_first = list(running.order_by("-percent", "ends_at").prefetch_related("packages"))
    found = {}
    for package in packages:
        if not package.price_minor:
            continue
        for sale in best_first:
            for_these = {each.pk for each in sale.packages.all()}
            if not for_these or package.pk in for_these:
                found[package.pk] = sale
                break
    return found


def at_sale_prices(packages: Sequence[Package]) -> list[Package]:
    """Return the packages at what they cost now, as copies that must not be saved; nothing if none is in a sale."""
    sales = sales_now(packages)
    return (
        [_reduced(each, sales[each.pk]) if each.pk in sales else each for each in packages] if sales else []
    )


def _reduced(package: Package, sale: Sale) -> Package:
    reduced = copy.copy(package)
    reduced.price_minor = sale_price(package.price, sale.percent).minor
    return reduced
