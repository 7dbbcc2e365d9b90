"""Query packages and custom amounts."""

from __future__ import annotations

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from billing.errors import CustomAmountsNotSold
from billing.packages.models import CustomAmount, Package
from billing.packages.prices import priced_in
from billing.packages.pricing import Offer, offers


def offers_on_sale(currency: str = "") -> list[Offer]:
    """Return every package on sale as an offer, in display order, priced in the currency where it can be."""
    packages = packages_on_sale()
    return offers(priced_in(packages, currency) if currency else packages)


def packages_on_sale() -> QuerySet[Package]:
    """Return the packages on sale, in display order."""
    return Package.objects.filter(is_active=True)


def all_packages() -> QuerySet[Package]:
    """Return all packages, including those off sale, for staff."""
    return Package.objects.all()


def custom_amounts_on_sale() -> QuerySet[CustomAmount]:
    """Return the currencies in which buyers can choose the amount."""
    return CustomAmount.objects.filter(is_active=True)


def custom_amount_in(currency: str) -> CustomAmount:
    """Return the currency's entry.

    Raises:
        CustomAmountsNotSold: buyers can't choose the amount in this currency.
    """
    entry = custom_amounts_on_sale().filter(currency=currency).first()
    if entry is None:
        raise CustomAmountsNotSold(_("You can’t choose the amount in this currency."), currency=currency[:3])
    return entry
