"""Query packages."""

from __future__ import annotations

from django.db.models import QuerySet

from billing.packages.models import Package
from billing.packages.pricing import Offer, offers


def offers_on_sale() -> list[Offer]:
    """Return every package on sale as an offer, in display order, with one query."""
    return offers(packages_on_sale())


def packages_on_sale() -> QuerySet[Package]:
    """Return the packages on sale, in display order."""
    return Package.objects.filter(is_active=True)


def all_packages() -> QuerySet[Package]:
    """Return all packages, including those off sale, for staff."""
    return Package.objects.all()
