"""Say what is bought, and for what price: packages or a custom amount, less what a sale and a code take off."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.utils import translation
from django.utils.translation import gettext as _

from billing.checkout.free_packages import is_once
from billing.currencies import smallest_step
from billing.discounts.amounts import AmountNow, priced_now
from billing.discounts.codes import price_with
from billing.discounts.models import DiscountCode, MultiBuy, Sale
from billing.discounts.pricing import sale_price
from billing.discounts.prior_prices import prior_prices
from billing.discounts.sales import sales_now
from billing.errors import CodeNotForThis, UnknownPackage
from billing.money import Money, spread
from billing.packages.amounts import PricedAmount
from billing.packages.models import CUSTOM_CODE, Package
from billing.packages.prices import priced_in
from billing.packages.pricing import Offer, discount, offer_for, offers
from billing.packages.selectors import custom_amount_in
from billing.tax import initial_tax_note, tax_behavior

LONGEST_NAME = 100
HIGHEST_QUANTITY = 100


@dataclass(frozen=True)
class TermsLine:
    """As many of one package among others: ``terms`` are those of one, and ``free`` of them cost nothing."""

    terms: PurchaseTerms
    count: int
    free: int = 0

    @property
    def price(self) -> Money:
        """Return the price of all of them, before a discount code."""
        return _times(self.terms.price, self.count - self.free)

    @property
    def name(self) -> str:
        return name_of_several(self.terms.name, self.count)

    @property
    def shown_name(self) -> str:
        """Return the name in the reader's language."""
        package = self.terms.package
        return name_of_several(package.shown_name, self.count) if package else self.name


@dataclass(frozen=True)
class PurchaseTerms:
    """What a purchase copies. ``package`` is None for a custom amount, and for several packages: these are in
    ``lines``. ``regular`` is the price before ``sale``, ``multi_buy`` and ``discount_code``, ``price`` what is paid.
    ``bonus_credits`` come on top of ``credits``. What a custom amount buys ``outside_sale`` is set if that is less.
    """

    package: Package | None
    code: str
    name: str
    credits: Decimal
    price: Money
    list_price: Money
    validity_days: int | None
    regular: Money
    bonus_credits: Decimal = Decimal(0)
    bonus_validity_days: int | None = None
    quantity: int = 1
    sale: Sale | None = None
    sale_minor: int = 0
    multi_buy: MultiBuy | None = None
    multi_buy_minor: int = 0
    discount_code: DiscountCode | None = None
    code_minor: int = 0
    lines: tuple[TermsLine, ...] = ()
    outside_sale: PurchaseTerms | None = None

    def copied(self) -> dict[str, Any]:
        """Return the fields of a `Purchase`."""
        return {
            "package": self.package,
            "package_code": self.code,
            "package_name": self.name,
            "credits": self.credits,
            "price_minor": self.price.minor,
            "list_price_minor": self.list_price.minor,
            "currency": self.price.currency,
            "discount_percentage": self.discount_percentage,
            "validity_days": self.validity_days,
            "bonus_credits": self.bonus_credits,
            "bonus_validity_days": self.bonus_validity_days,
            "grants_count": self.grants_count,
            "once_per_buyer": self.once_per_buyer,
            "quantity": self.quantity,
            "sale_name": self.sale_name,
            "sale_minor": self.sale_minor,
            "multi_buy_name": self.multi_buy.name if self.multi_buy else "",
            "multi_buy_minor": self.multi_buy_minor,
            "discount_code": self.discount_code.code if self.discount_code else "",
            "code_minor": self.code_minor,
            "tax_behavior": tax_behavior(self.price.currency) if self.price.minor else "",
            "tax_note": initial_tax_note() if self.price.minor else "",
        }

    def copied_lines(self) -> list[dict[str, Any]]:
        """Return the fields of each `PurchaseLine`; a code's discount is spread over them by their prices."""
        step = smallest_step(self.price.currency)
        shares = spread(
            Decimal(self.price.minor // step), [Decimal(each.price.minor) for each in self.lines], Decimal(1)
        )
        return [
            {
                "position": position,
                "package_code": each.terms.code,
                "package_name": each.terms.name,
                "quantity": each.count,
                "free": each.free,
                "credits": each.terms.credits * each.count,
                "price_minor": int(share) * step,
                "validity_days": each.terms.validity_days,
                "bonus_credits": each.terms.bonus_credits * each.count,
                "bonus_validity_days": each.terms.bonus_validity_days,
            }
            for position, (each, share) in enumerate(zip(self.lines, shares, strict=True), start=1)
        ]

    def times(self, count: int) -> PurchaseTerms:
        """Return the terms of as many of these, bought together."""
        if count == 1:
            return self
        return replace(
            self,
            name=name_of_several(self.name, count),
            credits=self.credits * count,
            bonus_credits=self.bonus_credits * count,
            price=_times(self.price, count),
            list_price=_times(self.list_price, count),
            regular=_times(self.regular, count),
            quantity=count,
            sale_minor=self.sale_minor * count,
        )

    def in_sale(self, sale: Sale) -> PurchaseTerms:
        """Return the terms at the price of a sale."""
        price = sale_price(self.regular, sale.percent)
        if price == self.regular:
            return self
        return replace(self, price=price, sale=sale, sale_minor=self.regular.minor - price.minor)

    def with_code(self, code: DiscountCode) -> PurchaseTerms:
        """Return the terms with a discount code: on top of sale and multi-buy if it combines, else instead of them.

        Raises:
            CodeNotForThis: it is for something else, or the sale takes off more.
            CodeMinimum: the price is too low for it.
        """
        full = self if code.stackable else self.at_regular_price()
        price = price_with(code, full.price, self.packages)
        if price.minor * self.credits >= self.price.minor * full.credits:
            raise CodeNotForThis(
                _("The sale price is lower than the price with this code."), discount_code=code.code
            )
        return replace(full, price=price, discount_code=code, code_minor=full.price.minor - price.minor)

    def at_regular_price(self) -> PurchaseTerms:
        """Return the terms without sale and multi-buy."""
        if self.outside_sale is not None:
            return self.outside_sale
        lines = tuple(replace(each, terms=each.terms.at_regular_price(), free=0) for each in self.lines)
        offers: dict[str, Any] = {"sale": None, "sale_minor": 0, "multi_buy": None, "multi_buy_minor": 0}
        return replace(self, price=self.regular, lines=lines, **offers)

    @property
    def discount_percentage(self) -> Decimal:
        """Return by how many percent the price is below the list price."""
        return discount(self.price, self.list_price)

    @property
    def sale_name(self) -> str:
        names = [each.terms.sale_name for each in self.lines] or [self.sale.name if self.sale else ""]
        return ", ".join(dict.fromkeys(filter(None, names)))[:LONGEST_NAME]

    @property
    def shown_name(self) -> str:
        """Return the name in the reader's language, if it is of one package."""
        return name_of_several(self.package.shown_name, self.quantity) if self.package else self.name

    @property
    def packages(self) -> list[Package]:
        """Return what is bought; nothing for a custom amount."""
        found = [each.terms.package for each in self.lines] or [self.package]
        return [package for package in found if package is not None]

    @property
    def grants_count(self) -> int:
        """Return how many lots its credits come in: one for each line, and one for each bonus."""
        return sum(2 if each.bonus_credits else 1 for each in self.all_lines)

    @property
    def all_lines(self) -> Sequence[PurchaseTerms]:
        return [each.terms for each in self.lines] or [self]

    @property
    def takes_promotion_code(self) -> bool:
        """Return whether a promotion code of Stripe's may lower the price: only where nothing of ours has."""
        return self.price.minor > 0 and self.price == self.regular and self.outside_sale is None

    @property
    def reduction(self) -> Money:
        """Return what sale, multi-buy and code take off."""
        return Money(self.regular.minor - self.price.minor, self.price.currency)

    @property
    def sale_reduction(self) -> Money:
        return Money(self.sale_minor, self.price.currency)

    @property
    def multi_buy_reduction(self) -> Money:
        return Money(self.multi_buy_minor, self.price.currency)

    @property
    def code_reduction(self) -> Money:
        return Money(self.code_minor, self.price.currency)

    @property
    def once_per_buyer(self) -> bool:
        return self.package is not None and is_once(self.package)

    @property
    def price_id(self) -> str:
        """Return the Stripe price of exactly this price; empty if there is none."""
        is_exact = self.package is not None and self.price == self.package.price and self.quantity == 1
        return self.package.current_price_id if self.package and is_exact else ""

    @property
    def product_id(self) -> str:
        """Return the Stripe product; empty if there is none."""
        return self.package.current_product_id if self.package else ""


def terms_of_package(code: str, currency: str = "") -> PurchaseTerms:
    """Return the terms of the package on sale with this code, in the currency if it has a price in it.

    Raises:
        UnknownPackage: there is none.
    """
    package = Package.objects.filter(code=code, is_active=True).first()
    if package is None:
        raise UnknownPackage("No package on sale has this code.", package_code=code[:100])
    if currency and currency != package.currency:
        (package,) = priced_in([package], currency)
    return terms_of_offer(offer_for(package), sales_now([package]).get(package.pk))


def current_terms(packages: Sequence[Package]) -> dict[int, PurchaseTerms]:
    """Return each package's terms by its id, on sale or not, compared with those on sale. Two queries."""
    on_sale, sales = [each for each in packages if each.is_active], sales_now(packages)
    return {each.pk: terms_of_offer(offers([each, *on_sale])[0], sales.get(each.pk)) for each in packages}


def struck_prices(terms: Iterable[PurchaseTerms]) -> dict[int, Money]:
    """Return the price to strike beside that of each package in a sale, by its id, where one was asked that was higher.
    Two queries, none without a sale.
    """
    in_sale = {each.package.pk: each for each in terms if each.package and each.sale}
    sales = [(each.package, each.sale) for each in in_sale.values() if each.package and each.sale]
    return {pk: prior for pk, prior in prior_prices(sales).items() if prior.minor > in_sale[pk].price.minor}


def terms_of_offer(offer: Offer, sale: Sale | None) -> PurchaseTerms:
    """Return the terms of one of what an offer is about, without queries."""
    package = offer.package
    terms = PurchaseTerms(
        package=package,
        code=package.code,
        name=package.name,
        credits=package.credits,
        price=package.price,
        list_price=offer.list_price,
        validity_days=package.validity_days,
        bonus_credits=package.bonus_credits,
        bonus_validity_days=package.bonus_lasts_days,
        regular=package.price,
    )
    return terms.in_sale(sale) if sale else terms


def name_of_several(name: str, count: int) -> str:
    return f"{count} × {name}"[:LONGEST_NAME] if count > 1 else name


def _times(price: Money, count: int) -> Money:
    return Money(price.minor * count, price.currency)


def terms_of_amount(amount: Decimal, currency: str) -> PurchaseTerms:
    """Return the terms of an amount in the currency's main unit.

    Raises:
        CustomAmountsNotSold: buyers can't choose the amount in this currency.
        AmountRefused: this amount can't be bought.
    """
    return terms_of_priced(priced_now(amount, custom_amount_in(currency)))


def terms_of_priced(priced: AmountNow) -> PurchaseTerms:
    """Return the terms of an amount that was priced."""
    regular = _terms_of_priced(priced.regular)
    in_sale = priced.now != priced.regular
    return _terms_of_priced(priced.now, outside_sale=regular) if in_sale else regular


def _terms_of_priced(priced: PricedAmount, outside_sale: PurchaseTerms | None = None) -> PurchaseTerms:
    with translation.override(settings.LANGUAGE_CODE):  # as receipts and emails show it
        name = _("Custom amount")
    return PurchaseTerms(
        package=None,
        code=CUSTOM_CODE,
        name=name,
        credits=priced.credits,
        price=priced.price,
        list_price=priced.list_price,
        validity_days=priced.validity_days,
        bonus_credits=priced.bonus_credits,
        bonus_validity_days=priced.bonus_validity_days,
        regular=priced.price,
        outside_sale=outside_sale,
    )
