"""Find the price before a sale: the lowest that was asked within the 30 days before it began.

That is the "prior price" of Article 6a of the Price Indication Directive (98/6/EC, as amended by 2019/2161). What
earlier sales made of a price was asked as well. A discount code's price wasn't: not everybody could have it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.db.models import F, Window
from django.db.models.functions import Lead

from billing.discounts.models import Sale, SaleVersion
from billing.discounts.pricing import sale_price
from billing.money import Money
from billing.packages.models import AskedPrice, Package

LOOKS_BACK = timedelta(days=30)


@dataclass(frozen=True)
class Period:
    """What held from a moment until another one, None until today."""

    since: datetime
    until: datetime | None

    def meets(self, since: datetime, until: datetime) -> bool:
        return max(self.since, since) < (min(self.until, until) if self.until else until)


@dataclass(frozen=True)
class Asked(Period):
    """The price of a package in a currency, None while it wasn't on sale."""

    minor: int | None


@dataclass(frozen=True)
class Reduced(Period):
    """A sale while it ran as it was, for packages with these codes, or for all."""

    sale_id: int
    percent: Decimal
    packages: Sequence[str]

    def is_for(self, package: Package) -> bool:
        return not self.packages or package.code in self.packages


def prior_prices(in_sale: Iterable[tuple[Package, Sale]]) -> dict[int, Money]:
    """Return what was asked before the sale that each package is in, by the package's id, where that is known for
    `STRUCK_PRICE_DAYS` days. Two queries.
    """
    pairs = list(in_sale)
    if not pairs:
        return {}
    first = min(sale.starts_at for _, sale in pairs) - LOOKS_BACK
    asked = _asked([package for package, _ in pairs], first)
    reduced = _reduced(first)
    found = {}
    for package, sale in pairs:
        began = _beginning(package, sale, reduced)
        prices = asked.get((package.code, package.currency), [])
        if began and (lowest := _lowest(package, began, prices, reduced)) is not None:
            found[package.pk] = Money(lowest, package.currency)
    return found


def _beginning(package: Package, sale: Sale, reduced: Sequence[Reduced]) -> datetime | None:
    """Return since when the sale has been on for the package without a break, even if by another percentage."""
    began = None
    for each in reversed(reduced):  # the newest first
        if each.sale_id != sale.pk or not each.is_for(package) or (began and each.until != began):
            continue
        began = each.since
    return began


def _lowest(
    package: Package, began: datetime, prices: Sequence[Asked], reduced: Sequence[Reduced]
) -> int | None:
    """Return the lowest price asked before, with the sales of that time; None if it wasn't for long enough."""
    before = began - LOOKS_BACK
    held = [each for each in prices if each.minor and each.meets(before, began)]
    enough = began - timedelta(days=settings.STRUCK_PRICE_DAYS)
    if not any(each.since <= enough for each in held):
        return None
    lowest = []
    for price in held:
        regular = Money(price.minor or 0, package.currency)
        since, until = max(price.since, before), min(price.until or began, began)
        percents = [each.percent for each in reduced if each.is_for(package) and each.meets(since, until)]
        lowest += [regular.minor, *(sale_price(regular, percent).minor for percent in percents)]
    return min(lowest)


def _asked(packages: Sequence[Package], after: datetime) -> dict[tuple[Any, str], list[Asked]]:
    """Return which prices were asked for the packages after a moment, by code and currency."""
    rows = AskedPrice.objects.filter(
        package_id__in=[each.code for each in packages], currency__in={each.currency for each in packages}
    ).annotate(until=_next(F("package_id"), F("currency")))
    found: dict[tuple[Any, str], list[Asked]] = {}
    for code, currency, minor, since, until in rows.order_by().values_list(
        "package_id", "currency", "price_minor", "since", "until"
    ):
        if until is None or until > after:
            found.setdefault((code, currency), []).append(Asked(since, until, minor))
    return found


def _reduced(after: datetime) -> list[Reduced]:
    """Return each version of a sale for the time in which it took something off after a moment, the oldest first."""
    recent = SaleVersion.objects.filter(ends_at__gt=after).values("sale_id")
    rows = SaleVersion.objects.filter(sale_id__in=recent).annotate(until=_next(F("sale_id"))).order_by("id")
    found = []
    for row in rows:
        since, until = max(row.since, row.starts_at), min(row.until or row.ends_at, row.ends_at)
        if row.is_active and since < until:
            found.append(Reduced(since, until, row.sale_id, row.percent, row.packages))
    return found


def _next(*of: F) -> Any:
    return Window(Lead("since"), partition_by=of, order_by=("since", "id"))
