"""Say what several packages cost together: in their sales, less those that a multi-buy makes free."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext as _

from billing.checkout.terms import (
    HIGHEST_QUANTITY,
    LONGEST_NAME,
    PurchaseTerms,
    TermsLine,
    terms_of_offer,
    terms_of_package,
)
from billing.discounts.models import MultiBuy
from billing.discounts.multi_buys import multi_buys_now
from billing.discounts.pricing import free_packs
from billing.discounts.sales import sales_now
from billing.errors import AlreadyTaken, BundleRefused, UnknownPackage
from billing.money import Money, price_refusal
from billing.packages.models import SEVERAL_CODE, Package
from billing.packages.prices import sold_in
from billing.packages.pricing import offers
from billing.packages.selectors import packages_on_sale


@dataclass(frozen=True)
class OrderItem:
    """As many of the package with this code."""

    package_code: str
    quantity: int = 1


def terms_of_items(items: Sequence[OrderItem], currency: str = "") -> PurchaseTerms:
    """Return the terms of packages that are bought together, in one currency: this one, else the first package's own.

    Raises:
        UnknownPackage: one of them isn't on sale, or not in the currency.
        BundleRefused: they can't be bought together.
    """
    counts: dict[str, int] = {}
    for item in items:
        counts[item.package_code] = counts.get(item.package_code, 0) + item.quantity
    number = sum(counts.values())
    if number > HIGHEST_QUANTITY:
        raise BundleRefused(_("At most %s packages can be bought at once.") % HIGHEST_QUANTITY)
    singles = _terms_of_each(list(counts), currency)
    if number == 1:
        return singles[0]
    _require_together(singles)
    lines = [TermsLine(terms, counts[terms.code]) for terms in singles]
    terms = cheapest(lines, multi_buys_now())
    if refusal := price_refusal(terms.price):
        raise BundleRefused(refusal)
    return terms


def cheapest(lines: Sequence[TermsLine], multi_buys: Sequence[MultiBuy]) -> PurchaseTerms:
    """Return the terms of the lines with the multi-buy that takes most off, or with none if none takes anything off."""
    choices = [together(lines), *(_with_multi_buy(lines, each) for each in multi_buys)]
    return min(choices, key=lambda terms: terms.price.minor)


def together(lines: Sequence[TermsLine], multi_buy: MultiBuy | None = None) -> PurchaseTerms:
    """Return the terms of the lines, whose free packs are those of the multi-buy."""
    given = sum(each.terms.price.minor * each.free for each in lines)
    currency = lines[0].terms.price.currency
    offer: dict[str, Any] = {"multi_buy": multi_buy, "multi_buy_minor": given} if given else {}
    price = Money(sum(each.price.minor for each in lines), currency)
    if len(lines) == 1:
        return replace(lines[0].terms.times(lines[0].count), price=price, **offer)
    wholes = [each.terms.times(each.count) for each in lines]
    return PurchaseTerms(
        package=None,
        code=SEVERAL_CODE,
        name=_joined([each.name for each in lines]),
        credits=sum((each.credits for each in wholes), Decimal(0)),
        bonus_credits=sum((each.bonus_credits for each in wholes), Decimal(0)),
        price=price,
        list_price=Money(sum(each.list_price.minor for each in wholes), currency),
        regular=Money(sum(each.regular.minor for each in wholes), currency),
        validity_days=None,
        quantity=sum(each.count for each in lines),
        sale=next((each.sale for each in wholes if each.sale), None),
        sale_minor=sum(each.sale_minor for each in wholes),
        lines=tuple(lines),
        **offer,
    )


def _with_multi_buy(lines: Sequence[TermsLine], multi_buy: MultiBuy) -> PurchaseTerms:
    """Make packs free. Unless it combines with sales, what the multi-buy is for has its regular price."""
    counting = [_counts(each, multi_buy) for each in lines]
    if not multi_buy.stackable:
        lines = [
            replace(each, terms=each.terms.at_regular_price()) if counts else each
            for each, counts in zip(lines, counting, strict=True)
        ]
    packs = [
        (each.terms.price.minor, each.count if counts else 0)
        for each, counts in zip(lines, counting, strict=True)
    ]
    free = free_packs(packs, paid=multi_buy.paid, free=multi_buy.free)
    return together([replace(each, free=number) for each, number in zip(lines, free, strict=True)], multi_buy)


def _counts(line: TermsLine, multi_buy: MultiBuy) -> bool:
    return line.terms.package is not None and multi_buy.is_for(line.terms.package)


def _require_together(singles: Sequence[PurchaseTerms]) -> None:
    for each in singles:
        if each.once_per_buyer:
            raise AlreadyTaken(_("%(package)s can be claimed only once.") % {"package": each.name})
        if len(singles) > 1 and not each.price.minor:
            raise BundleRefused(_("%(package)s is free: claim it on its own.") % {"package": each.name})


def _terms_of_each(codes: Sequence[str], currency: str) -> list[PurchaseTerms]:
    """Return the terms of one of each package, in the order of the shop; in six queries, however many they are."""
    if len(codes) == 1:
        return [terms_of_package(codes[0], currency)]
    on_sale = {package.code: package for package in packages_on_sale()}
    for code in codes:
        if code not in on_sale:
            raise UnknownPackage("No package on sale has this code.", package_code=code[:100])
    currency = currency or on_sale[codes[0]].currency
    window = sold_in(on_sale.values(), currency)
    chosen: list[Package] = [package for package in window if package.code in codes]
    if missing := set(codes) - {package.code for package in chosen}:
        name = on_sale[min(missing)].name
        raise BundleRefused(
            _("%(package)s isn’t sold in %(currency)s.") % {"package": name, "currency": currency.upper()}
        )
    sales = sales_now(chosen)
    shown = {offer.package.code: offer for offer in offers(window)}
    return [terms_of_offer(shown[package.code], sales.get(package.pk)) for package in chosen]


def _joined(names: Sequence[str]) -> str:
    """Return “Starter, 2 × Pro”, cut to what a purchase's name can have."""
    name = ", ".join(names)
    return name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 1]}…"
