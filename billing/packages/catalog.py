"""Load a catalogue file's packages."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from django.db import transaction

from billing.errors import CatalogError
from billing.packages.catalog_file import CatalogPackage
from billing.packages.models import Package


@dataclass(frozen=True)
class LoadedPackage:
    """A package and the outcome of loading it: ``created``, ``updated``, ``unchanged`` or ``retired``."""

    package: Package
    outcome: str


@transaction.atomic
def load_catalog(
    catalog: Iterable[CatalogPackage], *, keep_others: bool = False, dry_run: bool = False
) -> list[LoadedPackage]:
    """Put exactly the catalogue on sale, all or nothing. ``dry_run`` only returns what would change.

    Packages are matched by code. Unless ``keep_others``, those not in the catalogue are taken off sale, never deleted.
    Loading the same catalogue again changes nothing.

    Raises:
        CatalogError: another package already uses a Stripe product given in the catalogue.
    """
    wanted = list(catalog)
    loaded = [_load(entry) for entry in wanted]
    if not keep_others:
        loaded += _retire_all_but({entry.code for entry in wanted})
    if dry_run:
        transaction.set_rollback(True)
    return loaded


def _load(entry: CatalogPackage) -> LoadedPackage:
    package = Package.objects.select_for_update().filter(code=entry.code).first() or Package(code=entry.code)
    outcome = "created" if package._state.adding else "updated"
    before = _facts(package)
    for name, value in _values(entry).items():
        setattr(package, name, value)
    package.give_stripe_ids(entry.stripe_product_id, entry.stripe_price_id)
    if outcome == "updated" and before == _facts(package):
        return LoadedPackage(package, "unchanged")
    _require_own_product(package)
    package.save()
    return LoadedPackage(package, outcome)


def _facts(package: Package) -> dict[str, object]:
    return {field.attname: getattr(package, field.attname) for field in package._meta.concrete_fields}


def _require_own_product(package: Package) -> None:
    others = Package.objects.exclude(pk=package.pk).exclude(stripe_product_id="")
    other = others.filter(stripe_product_id=package.stripe_product_id).first()
    if other is not None:
        raise CatalogError(
            f"{package.code}: {other.code} already uses the Stripe product {package.stripe_product_id}."
        )


def _values(entry: CatalogPackage) -> dict[str, object]:
    return {
        "name": entry.name,
        "description": entry.description,
        "credits": entry.credits,
        "price_minor": entry.price.minor,
        "currency": entry.price.currency,
        "badge": entry.badge,
        "display_order": entry.display_order,
        "is_active": entry.is_active,
        "validity_days": entry.validity_days,
        "repeatable": entry.repeatable,
    }


def _retire_all_but(codes: set[str]) -> list[LoadedPackage]:
    retired = []
    for package in Package.objects.select_for_update().filter(is_active=True).exclude(code__in=codes):
        package.is_active = False
        package.save(update_fields=["is_active"])
        retired.append(LoadedPackage(package, "retired"))
    return retired
