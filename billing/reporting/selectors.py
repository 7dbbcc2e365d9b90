"""Query the daily figures, reading as many rows as there are days and packages, never the purchases.

Money is in minor units of one currency; counts cover all currencies unless one is given.
"""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db.models import Q, Sum
from django.db.models.functions import Coalesce
from django.utils.translation import gettext as _

from billing.packages.models import CUSTOM_CODE, SEVERAL_CODE, Package
from billing.purchases.models import Purchase
from billing.reporting.models import CheckoutDay, ReturnsDay, SalesCount, SalesDay, VisitDay
from billing.reporting.to_come import ToCome, to_come_by_day
from credits.reporting.selectors import Earned, earned_by_day


@dataclass(frozen=True)
class Sales:
    """The sales of a period, with refunds and disputes."""

    purchases: int = 0
    paid_minor: int = 0
    refunds: int = 0
    refunded_minor: int = 0
    disputes: int = 0
    disputed_minor: int = 0
    tax_minor: int = 0
    returned_tax_minor: Decimal = Decimal(0)

    @property
    def returned_minor(self) -> int:
        """Refunds, plus disputes that are open or lost."""
        return self.refunded_minor + self.disputed_minor

    @property
    def net_minor(self) -> int:
        """Paid, less refunds and disputes."""
        return self.paid_minor - self.returned_minor

    @property
    def net_tax_minor(self) -> Decimal:
        """The tax paid, less that which went back with refunds and disputes."""
        return self.tax_minor - self.returned_tax_minor

    @property
    def earned_minor(self) -> int:
        """Paid, without tax: what the credits sold cost."""
        return self.paid_minor - self.tax_minor

    @property
    def reversed_minor(self) -> Decimal:
        """What refunds and disputes took of that."""
        return self.returned_minor - self.returned_tax_minor


@dataclass(frozen=True)
class Buyers:
    """The number of users and teams that had bought by a day: at least once (``all``), at least twice (``again``)."""

    all: int = 0
    again: int = 0


@dataclass(frozen=True)
class PackageSales:
    code: str
    name: str
    sales: Sales


def sales_counted_at() -> datetime.datetime | None:
    """Return when the days were last counted; None before the first count."""
    count = SalesCount.objects.first()
    return count.counted_at if count else None


def currencies_sold() -> list[str]:
    """Return the currencies sold in, or else priced in, the one with most purchases first; never empty."""
    sold = SalesDay.objects.values("currency").annotate(number=Sum("purchases"))
    found = [row["currency"] for row in sold.order_by("-number", "currency")]
    return found or sorted(set(Package.objects.values_list("currency", flat=True))) or [Package().currency]


def sales_by_day(
    first: datetime.date | None, last: datetime.date, currency: str
) -> dict[datetime.date, Sales]:
    """Return the sales of each day that has any, with two queries."""
    return _sales(first, last, currency, "day")


def sales_by_package(first: datetime.date, last: datetime.date, currency: str) -> list[PackageSales]:
    """Return the sales of each package, the highest revenue first, with three queries."""
    found = _sales(first, last, currency, "package_code")
    names = dict(Package.objects.filter(code__in=list(found)).values_list("code", "name"))
    names.setdefault(CUSTOM_CODE, _("Custom amount"))
    names.setdefault(SEVERAL_CODE, _("Several packages"))
    listed = [PackageSales(code, names.get(code, code), sales) for code, sales in found.items()]
    return sorted(listed, key=lambda each: (-each.sales.paid_minor, each.code))


def sales_in(first: datetime.date | None, last: datetime.date, currency: str) -> Sales:
    """Return the sales of a period, from the beginning if ``first`` is None."""
    return _sales(first, last, currency, "currency").get(currency, Sales())


def buyers_by(last: datetime.date, currency: str | None = None) -> Buyers:
    """Return the buyers up to a day; with a currency, those whose first (or second) purchase was in it."""
    days = SalesDay.objects.filter(day__lte=last)
    if currency is not None:
        days = days.filter(currency=currency)
    sums = days.aggregate(all=_sum("first_purchases"), again=_sum("second_purchases"))
    return Buyers(**sums)


def new_buyers(first: datetime.date, last: datetime.date) -> int:
    days = SalesDay.objects.filter(day__gte=first, day__lte=last)
    return int(days.aggregate(number=_sum("first_purchases"))["number"])


def purchases_paid(first: datetime.date, last: datetime.date) -> int:
    """Return how many purchases were paid, in all currencies."""
    days = SalesDay.objects.filter(day__gte=first, day__lte=last)
    return int(days.aggregate(number=_sum("purchases"))["number"])


def disputes_opened(first: datetime.date, last: datetime.date) -> int:
    """Return how many disputes were opened, in all currencies, without inquiries."""
    days = ReturnsDay.objects.filter(day__gte=first, day__lte=last)
    return int(days.aggregate(number=_sum("disputes"))["number"])


def checkouts_by_status(first: datetime.date, last: datetime.date) -> dict[str, int]:
    """Return how many purchases begun in the period have each status, zeros included, in all currencies."""
    rows = CheckoutDay.objects.filter(day__gte=first, day__lte=last).values("status")
    found = dict(rows.annotate(number=Sum("purchases")).values_list("status", "number"))
    return {status: found.get(status, 0) for status in Purchase.Status.values}


def visits_in(first: datetime.date, last: datetime.date) -> int:
    days = VisitDay.objects.filter(day__gte=first, day__lte=last)
    return int(days.aggregate(number=_sum("visits"))["number"])


def _sales(first: datetime.date | None, last: datetime.date, currency: str, by: str) -> dict[Any, Sales]:
    within = Q(day__lte=last, currency=currency)
    if first is not None:
        within &= Q(day__gte=first)
    rows: dict[Any, dict[str, Any]] = {}
    returned = ("refunds", "refunded_minor", "disputes", "disputed_minor", "returned_tax_minor")
    for model, columns in ((SalesDay, ("purchases", "paid_minor", "tax_minor")), (ReturnsDay, returned)):
        sums = {f"sum_{name}": Sum(name) for name in columns}
        for row in model.objects.filter(within).order_by().values(by).annotate(**sums):
            rows.setdefault(row[by], {}).update({name: row[f"sum_{name}"] for name in columns})
    return {key: Sales(**rows[key]) for key in sorted(rows)}


def _sum(column: str) -> Coalesce:
    return Coalesce(Sum(column), 0)


@dataclass(frozen=True)
class Revenue:
    """Revenue of a period, in minor units with decimals. Reversals of credits that couldn't be clawed back lower
    ``used``, so that deferred, recognised, written off, refunded and disputed add up to what was paid, all without tax.
    """

    used: Decimal = Decimal(0)
    breakage: Decimal = Decimal(0)
    written_off: Decimal = Decimal(0)

    @property
    def recognised(self) -> Decimal:
        return self.used + self.breakage

    def __add__(self, other: Revenue) -> Revenue:
        return Revenue(
            self.used + other.used, self.breakage + other.breakage, self.written_off + other.written_off
        )


def revenue_by_day(
    first: datetime.date | None, last: datetime.date, currency: str
) -> dict[datetime.date, Revenue]:
    """Return the revenue of each day with earnings or reversals, with five queries."""
    sales = sales_by_day(first, last, currency)
    earned = earned_by_day(first, last, currency)
    to_come = {
        day: each for day, each in to_come_by_day(last, currency).items() if first is None or day >= first
    }
    return {
        day: _revenue(earned.get(day, Earned()), sales.get(day, Sales()), to_come.get(day, ToCome()))
        for day in sorted({*sales, *earned, *to_come})
    }


def total_revenue(days: dict[datetime.date, Revenue]) -> Revenue:
    return sum(days.values(), Revenue())


def _revenue(earned: Earned, sales: Sales, to_come: ToCome) -> Revenue:
    unrecovered = sales.reversed_minor - earned.clawed_back - to_come.withdrawn
    return Revenue(earned.used - unrecovered, earned.expired, earned.written_off + to_come.forfeited)


def package_codes_bought() -> list[str]:
    """Return the codes of all packages, existing or ordered by the last count."""
    bought = CheckoutDay.objects.values_list("package_code", flat=True).distinct()
    return sorted({*bought, *Package.objects.values_list("code", flat=True)})
