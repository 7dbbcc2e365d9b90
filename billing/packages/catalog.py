"""Put a catalogue file on sale."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from django.db import transaction

from billing.errors import CatalogError
from billing.packages.catalog_file import Catalog, CatalogPackage
from billing.packages.models import CustomAmount, Package
from billing.plans.models import Plan

PLAN_VALUES = [
    "name", "description", "texts", "credits", "price_minor", "currency", "interval", "rollover", "rollover_months",
    "trial_days", "display_order", "is_active",
]  # fmt: skip
CUSTOM_AMOUNT_VALUES = [
    "minimum_minor", "maximum_minor", "increment_minor", "credits_per_unit", "validity_days", "is_active",
]  # fmt: skip


@dataclass(frozen=True)
class Loaded:
    """A row and the outcome of loading it: ``created``, ``updated``, ``unchanged`` or ``retired``."""

    row: Package | CustomAmount | Plan
    outcome: str


@transaction.atomic
def load_catalog(catalog: Catalog, *, keep_others: bool = False, dry_run: bool = False) -> list[Loaded]:
    """Put exactly the catalogue on sale, all or nothing. ``dry_run`` only returns what would change.

    Packages and plans are matched by code, custom amounts by currency. Unless ``keep_others``, those not in the
    catalogue are taken off sale, never deleted. Loading the same catalogue again changes nothing.

    Raises:
        CatalogError: another package already uses a Stripe product given in the catalogue.
    """
    loaded = [_load(entry) for entry in catalog.packages]
    if not keep_others:
        loaded += _retire_all_but(Package, "code", [entry.code for entry in catalog.packages])
    loaded += [_load_by_key(entry, "currency", CUSTOM_AMOUNT_VALUES) for entry in catalog.custom_amounts]
    if not keep_others:
        loaded += _retire_all_but(
            CustomAmount, "currency", [each.currency for each in catalog.custom_amounts]
        )
    loaded += [_load_by_key(plan, "code", PLAN_VALUES) for plan in catalog.plans]
    if not keep_others:
        loaded += _retire_all_but(Plan, "code", [plan.code for plan in catalog.plans])
    if dry_run:
        transaction.set_rollback(True)
    return loaded


def _load(entry: CatalogPackage) -> Loaded:
    package = Package.objects.select_for_update().filter(code=entry.code).first() or Package(code=entry.code)
    outcome = "created" if package._state.adding else "updated"
    before = _facts(package)
    for name, value in _values(entry).items():
        setattr(package, name, value)
    package.give_stripe_ids(entry.stripe_product_id, entry.stripe_price_id)
    if outcome == "updated" and before == _facts(package) and entry.prices == _prices_of(package):
        return Loaded(package, "unchanged")
    _require_own_product(package)
    package.save()
    package.prices.exclude(currency__in=entry.prices).delete()
    for currency, minor in entry.prices.items():
        package.prices.update_or_create(currency=currency, defaults={"price_minor": minor})
    return Loaded(package, outcome)


def _prices_of(package: Package) -> dict[str, int]:
    return dict(package.prices.values_list("currency", "price_minor"))


def _load_by_key(entry: CustomAmount | Plan, key: str, values: Collection[str]) -> Loaded:
    model, named = type(entry), {key: getattr(entry, key)}
    row = model._default_manager.select_for_update().filter(**named).first() or model(**named)
    outcome = "created" if row._state.adding else "updated"
    before = _facts(row)
    for name in values:
        setattr(row, name, getattr(entry, name))
    if outcome == "updated" and before == _facts(row):
        return Loaded(row, "unchanged")
    row.save()
    return Loaded(row, outcome)


def _facts(row: Package | CustomAmount | Plan) -> dict[str, object]:
    return {field.attname: getattr(row, field.attname) for field in row._meta.concrete_fields}


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
        "texts": entry.texts,
        "credits": entry.credits,
        "price_minor": entry.price.minor,
        "currency": entry.price.currency,
        "badge": entry.badge,
        "display_order": entry.display_order,
        "is_active": entry.is_active,
        "validity_days": entry.validity_days,
        "bonus_credits": entry.bonus_credits,
        "bonus_validity_days": entry.bonus_validity_days,
        "repeatable": entry.repeatable,
    }


def _retire_all_but(
    model: type[Package] | type[CustomAmount] | type[Plan], key: str, kept: Collection[str]
) -> list[Loaded]:
    retired = []
    for row in (
        model._default_manager.select_for_update().filter(is_active=True).exclude(**{f"{key}__in": kept})
    ):
        row.is_active = False
        row.save(update_fields=["is_active"])
        retired.append(Loaded(row, "retired"))
    return retired
