"""Update Stripe's products and prices from our packages and plans.

Each step is safe to repeat. After a crash, the next run finds products by the code in their metadata and prices
by amount. Idempotency keys keep concurrent runs from creating duplicates.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace

from billing.errors import BillingError
from billing.packages.catalog_adoption import Agrees, find_product
from billing.packages.models import Package
from billing.packages.remote_catalog import (
    ForSale,
    RemoteCatalog,
    code_in,
    find_drift,
    interval_of,
    lacks_tax,
    lookup_key,
    matching_price,
    metadata_of,
    product_differs,
)
from billing.plans.models import Plan
from billing.stripe import catalog as stripe_catalog
from billing.stripe import mirror as stripe_mirror
from billing.stripe.objects.catalog import StripePrice, StripeProduct
from billing.tax import tax_behavior

# Each step's name, which appears in the package's history in the admin, and its description.
SENTENCES = {
    "product created": "Created product {id} for {package}.",
    "product found": "Found product {id} for {package}.",
    "product adopted": "Adopted product {id} for {package}.",
    "product updated": "Updated product {id} for {package}.",
    "price created": "Created price {id} of {price} for {package}.",
    "price found": "Found price {id} of {price} for {package}.",
    "lookup key moved": "Moved the lookup key of {package} to price {id}.",
    "tax behavior set": "Set how price {id} of {package} is taxed.",
    "default price moved": "Made price {id} the default of {package}'s product.",
    "old price archived": "Archived old price {id} of {package}.",
    "unchanged": "{package} is already in sync.",
}


@dataclass(frozen=True)
class SyncStep:
    """A step of a package's sync (``unchanged`` if none was needed), or the ``error`` that stopped it."""

    package: ForSale
    what: str
    stripe_id: str = ""
    error: BillingError | None = None

    def __str__(self) -> str:
        if self.error is not None:
            return f"{self.package} was not synced. {self.error.for_staff}"
        return SENTENCES[self.what].format(package=self.package, id=self.stripe_id, price=self.package.price)


def fetch_remote_catalog() -> RemoteCatalog:
    """Fetch Stripe's current catalogue. Raises `StripeUnavailable`, `StripeRefused`."""
    return RemoteCatalog(tuple(stripe_catalog.list_products()), tuple(stripe_catalog.list_prices()))


def check_catalog() -> list[tuple[ForSale, list[str]]]:
    """Return each package and plan with its differences at Stripe, changing nothing."""
    remote = fetch_remote_catalog()
    return [(package, find_drift(package, remote)) for package in _all_for_sale()]


def sync_catalog(agrees: Agrees | None = None) -> Iterator[SyncStep]:
    """Sync every package and plan, and yield each step as it is done. A failure stops only its own, as its last step.

    ``agrees`` decides whether to adopt a product that only matches by name.

    Raises:
        StripeUnavailable, StripeRefused: Stripe's catalogue could not be read.
    """
    remote = fetch_remote_catalog()
    for package in _all_for_sale():
        try:
            yield from _sync(package, remote, agrees)
        except BillingError as error:
            yield SyncStep(package, "failed", error=error)


def _all_for_sale() -> list[ForSale]:
    return [*Package.objects.all(), *Plan.objects.all()]


def sync_package(package: ForSale) -> list[SyncStep]:
    """Sync one package or plan.

    Raises:
        CannotAdopt, ProductNameTaken: staff must say which product is meant.
        StripeUnavailable, StripeRefused: earlier steps stay done.
    """
    return list(_sync(package, fetch_remote_catalog(), None))


def _sync(package: ForSale, remote: RemoteCatalog, agrees: Agrees | None) -> Iterator[SyncStep]:
    found = find_product(package, remote, agrees)
    if found is None and not package.needs_stripe:
        return
    steps = 0
    for step in _steps(package, found, remote):
        steps += 1
        yield step
    if not steps:
        yield SyncStep(package, "unchanged", package.stripe_price_id)


def _steps(package: ForSale, found: StripeProduct | None, remote: RemoteCatalog) -> Iterator[SyncStep]:
    product = found or _create_product(package)
    if found is None:
        yield SyncStep(package, "product created", product.id)
    elif package.awaits_adoption or package.stripe_product_id != product.id:
        was_ours = code_in(product, package) == package.code
        yield SyncStep(package, "product found" if was_ours else "product adopted", product.id)
    _record(package, stripe_product_id=product.id)
    if package.awaits_adoption:
        _record(package, awaits_adoption=False)
    stripe_mirror.mirror_product(dict(product.raw))
    if product_differs(package, product):
        product = _update_product(package, product)
        yield SyncStep(package, "product updated", product.id)
    if package.is_active:
        yield from _price_steps(package, product, remote.prices_of(package, product.id))


def _price_steps(package: ForSale, product: StripeProduct, prices: list[StripePrice]) -> Iterator[SyncStep]:
    price = matching_price(package, prices)
    if price is None:
        price = _create_price(package)
        yield SyncStep(package, "price created", price.id)
    elif price.lookup_key != lookup_key(package):
        price = stripe_catalog.take_lookup_key(price.id, lookup_key(package))
        yield SyncStep(package, "lookup key moved", price.id)
    if lacks_tax(package, price):
        price = stripe_catalog.set_tax_behavior(price.id, tax_behavior(package.currency))
        yield SyncStep(package, "tax behavior set", price.id)
    recorded = package.current_price_id
    _record(
        package,
        stripe_price_id=price.id,
        stripe_price_minor=package.price_minor,
        stripe_currency=package.currency,
        **({"stripe_interval": package.interval} if isinstance(package, Plan) else {}),
    )
    stripe_mirror.mirror_price(dict(price.raw))
    if recorded != package.stripe_price_id and price in prices:
        yield SyncStep(package, "price found", price.id)
    yield from _archive(package, product, price, [old for old in prices if old.id != price.id])


def _archive(
    package: ForSale, product: StripeProduct, price: StripePrice, olds: list[StripePrice]
) -> Iterator[SyncStep]:
    """Archive replaced prices, moving the default first, as Stripe refuses to archive a product's default price."""
    if product.default_price_id in [old.id for old in olds]:
        updated = stripe_catalog.set_default_price(product.id, price.id)
        stripe_mirror.mirror_product(dict(updated.raw))
        yield SyncStep(package, "default price moved", price.id)
    for old in olds:
        archived = stripe_catalog.archive_price(old.id)
        stripe_mirror.mirror_price(dict(archived.raw))
        yield SyncStep(package, "old price archived", old.id)


def _create_product(package: ForSale) -> StripeProduct:
    return stripe_catalog.create_product(
        metadata=metadata_of(package),
        name=package.name,
        description=package.description,
        key=_key("product", package, package.stripe_product_id, package.name, package.description),
    )


def _update_product(package: ForSale, product: StripeProduct) -> StripeProduct:
    updated = stripe_catalog.update_product(
        product.id,
        metadata=metadata_of(package),
        name=package.name,
        description=package.description,
        active=package.is_active,
    )
    stripe_mirror.mirror_product(dict(updated.raw))
    return replace(product, raw=updated.raw)


def _create_price(package: ForSale) -> StripePrice:
    return stripe_catalog.create_price(
        product_id=package.stripe_product_id,
        minor=package.price_minor,
        currency=package.currency,
        interval=interval_of(package),
        tax_behavior=tax_behavior(package.currency),
        lookup_key=lookup_key(package),
        key=_key(
            "price",
            package,
            package.stripe_product_id,
            package.stripe_price_id,
            f"{package.price}{tax_behavior(package.currency)}",
        ),
    )


def _key(kind: str, package: ForSale, *parts: str) -> str:
    """Return the idempotency key of a creation: the same for a repeat, another if the created object differs.

    It includes the replaced product or price, so that returning to an old amount, or replacing a deleted product,
    creates a new object instead of returning Stripe's old answer.
    """
    digest = hashlib.sha256("\x00".join(parts).encode()).hexdigest()[:16]
    of_plan = "plan-" if isinstance(package, Plan) else ""
    return f"{of_plan}{kind}-{package.pk}-{package.code}-{digest}"


def _record(package: ForSale, **ids: str | int | bool) -> None:
    """Save Stripe's ids immediately, so that after a crash the next run continues from here."""
    if any(getattr(package, name) != value for name, value in ids.items()):
        for name, value in ids.items():
            setattr(package, name, value)
        package.save(update_fields=list(ids))
