"""Say what is bought, and for what price: a package on sale, or a custom amount."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.utils import translation
from django.utils.translation import gettext as _

from billing.checkout.free_packages import is_once
from billing.errors import UnknownPackage
from billing.money import Money
from billing.packages.amounts import price_amount
from billing.packages.models import CUSTOM_CODE, Package
from billing.packages.pricing import offer_for
from billing.packages.selectors import custom_amount_in, packages_on_sale

LONGEST_NAME = 100


@dataclass(frozen=True)
class PurchaseTerms:
    """What a purchase copies. ``package`` is None for a custom amount."""

    package: Package | None
    code: str
    name: str
    credits: Decimal
    price: Money
    list_price: Money
    discount_percentage: Decimal
    validity_days: int | None

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
            "once_per_buyer": self.once_per_buyer,
        }

    def times(self, count: int) -> PurchaseTerms:
        """Return the terms of as many of these, bought together."""
        if count == 1:
            return self
        return replace(
            self,
            name=f"{count} × {self.name}"[:LONGEST_NAME],
            credits=self.credits * count,
            price=Money(self.price.minor * count, self.price.currency),
            list_price=Money(self.list_price.minor * count, self.price.currency),
        )

    @property
    def once_per_buyer(self) -> bool:
        return self.package is not None and is_once(self.package)

    @property
    def price_id(self) -> str:
        """Return the Stripe price of exactly this price; empty if there is none."""
        return self.package.current_price_id if self.package else ""

    @property
    def product_id(self) -> str:
        """Return the Stripe product; empty if there is none."""
        return self.package.current_product_id if self.package else ""


def terms_of_package(code: str) -> PurchaseTerms:
    """Return the terms of the package on sale with this code.

    Raises:
        UnknownPackage: there is none.
    """
    package = Package.objects.filter(code=code, is_active=True).first()
    if package is None:
        raise UnknownPackage("No package on sale has this code.", package_code=code[:100])
    offer = offer_for(package)
    return PurchaseTerms(
        package=package,
        code=package.code,
        name=package.name,
        credits=package.credits,
        price=package.price,
        list_price=offer.list_price,
        discount_percentage=offer.discount_percentage,
        validity_days=package.validity_days,
    )


def terms_of_amount(amount: Decimal, currency: str) -> PurchaseTerms:
    """Return the terms of an amount in the currency's main unit.

    Raises:
        CustomAmountsNotSold: buyers can't choose the amount in this currency.
        AmountRefused: this amount can't be bought.
    """
    priced = price_amount(amount, custom_amount_in(currency), packages_on_sale())
    with translation.override(settings.LANGUAGE_CODE):  # as receipts and emails show it
        name = _("Custom amount")
    return PurchaseTerms(
        package=None,
        code=CUSTOM_CODE,
        name=name,
        credits=priced.credits,
        price=priced.price,
        list_price=priced.list_price,
        discount_percentage=priced.discount_percentage,
        validity_days=priced.validity_days,
    )
