"""Rows to test with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import factory

from accounts.models import User
from billing.catalog import load_catalog
from billing.catalog_file import read_catalog
from billing.checkout import PurchaseOrder, StartedPurchase, start_purchase
from billing.models import Package, PurchaseEvent

CATALOGS = Path("billing/catalogs")


class UserFactory(factory.django.DjangoModelFactory[User]):
    class Meta:
        model = User

    username = factory.Sequence(lambda number: f"buyer{number}")
    email = factory.LazyAttribute(lambda user: f"{user.username}@example.com")


class PackageFactory(factory.django.DjangoModelFactory[Package]):
    class Meta:
        model = Package

    code = factory.Sequence(lambda number: f"pack{number}")
    name = factory.LazyAttribute(lambda package: package.code.title())
    credits = 1000
    price_minor = 1000
    currency = "usd"


def put_on_sale(catalog: str = "standard") -> None:
    load_catalog(read_catalog(CATALOGS / f"{catalog}.toml"))


def start(user: User, package_code: str = "starter", **order: Any) -> StartedPurchase:
    """A purchase whose checkout is open at the local Stripe."""
    return start_purchase(user, PurchaseOrder(package_code, **order), PurchaseEvent.Source.API)
