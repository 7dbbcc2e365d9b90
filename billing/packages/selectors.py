"""Reads of packages."""

from __future__ import annotations

from django.db.models import QuerySet

from billing.packages.models import Package
from billing.packages.pricing import Offer, offers


def shop_window() -> list[Offer]:
    """Every package on sale as an offer, in display order. One query."""
    return offers(packages_on_sale())


def packages_on_sale() -> QuerySet[Package]:
    """In display order."""
    return Package.objects.filter(is_active=True)


def all_packages() -> QuerySet[Package]:
    """Packages off sale too, for staff."""
    return Package.objects.all()
