"""Brings Stripe's products and prices to where our packages are.

Each step is safe to repeat, and what one run did before it died the next one finds: a product by the package's code in
its metadata, a price by its amount. Creating carries an idempotency key besides, so that two runs at once make one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace

from billing.errors import BillingError
from billing.packages.catalog_adoption import Agrees, find_product
from billing.packages.models import Package
from billing.packages.remote_catalog import (
    RemoteCatalog,
    find_drift,
    lookup_key,
    matching_price,
    product_differs,
)
from billing.stripe import gateway as stripe_gateway
from billing.stripe import mirror as stripe_mirror
from billing.stripe.objects import StripePrice, StripeProduct

# What a step is called, and how it is told of. The name stands in staff's history of the package.
SENTENCES = {
    "product created": "Created product {id} for {package}.",
    "product found": "Found product {id} for {package}.",
    "product adopted": "Adopted product {id} for {package}.",
    "product updated": "Updated product {id} for {package}.",
    "price created": "Created price {id} of {price} for {package}.",
    "price found": "Found price {id} of {price} for {package}.",
    "lookup key moved": "Moved the lookup key of {package} to price {id}.",
    "default price moved": "Made price {id} the default of {package}'s product.",
    "old price archived": "Archived old price {id} of {package}.",
    "unchanged": "{package} is already in sync.",
}


@dataclass(frozen=True)
class SyncStep:
    """One thing done at Stripe for a package (or nothing: then ``what`` is ``unchanged``), or the ``error`` that kept
    the package from being synced.
    """

    package: Package
    what: str
    stripe_id: str = ""
    error: BillingError | None = None

    def __str__(self) -> str:
        if self.error is not None:
            return f"{self.package} was not synced. {self.error.for_staff}"
        return SENTENCES[self.what].format(package=self.package, id=self.stripe_id, price=self.package.price)


def fetch_remote_catalog() -> RemoteCatalog:
    """Stripe's side, as it is now. Raises `StripeUnavailable`, `StripeRefused`."""
    return RemoteCatalog(tuple(stripe_gateway.list_products()), tuple(stripe_gateway.list_prices()))


def check_catalog() -> list[tuple[Package, list[str]]]:
    """Each package with what differs at Stripe; changes nothing."""
    remote = fetch_remote_catalog()
    return [(package, find_drift(package, remote)) for package in Package.objects.all()]


def sync_catalog(agrees: Agrees | None = None) -> Iterator[SyncStep]:
    """Syncs every package and yields each step as it is done. One that can't be synced keeps none of the others:
    its last step says why. ``agrees`` is asked about products that only have a package's name.

    Raises:
        StripeUnavailable, StripeRefused: Stripe's side could not be read at all.
    """
    remote = fetch_remote_catalog()
    for package in Package.objects.all():
        try:
            yield from _sync(package, remote, agrees)
        except BillingError as error:
            yield SyncStep(package, "failed", error=error)


def sync_package(package: Package) -> list[SyncStep]:
    """Syncs one package.

    Raises:
        CannotAdopt, ProductNameTaken: a person has to say which product is meant.
        StripeUnavailable, StripeRefused: what was done before stays.
    """
    return list(_sync(package, fetch_remote_catalog(), None))


def _sync(package: Package, remote: RemoteCatalog, agrees: Agrees | None) -> Iterator[SyncStep]:
    found = find_product(package, remote, agrees)
    if found is None and not package.needs_stripe:
        return
    steps = 0
    for step in _steps(package, found, remote):
        steps += 1
        yield step
    if not steps:
        yield SyncStep(package, "unchanged", package.stripe_price_id)


def _steps(package: Package, found: StripeProduct | None, remote: RemoteCatalog) -> Iterator[SyncStep]:
    product = found or _create_product(package)
    if found is None:
        yield SyncStep(package, "product created", product.id)
    elif package.awaits_adoption or package.stripe_product_id != product.id:
        was_ours = product.package_code == package.code
        yield SyncStep(package, "product found" if was_ours else "product adopted", product.id)
    _record(package, stripe_product_id=product.id, awaits_adoption=False)
    stripe_mirror.mirror_product(dict(product.raw))
    if product_differs(package, product):
        product = _update_product(package, product)
        yield SyncStep(package, "product updated", product.id)
    if package.is_active:
        yield from _price_steps(package, product, remote.prices_of(product.id))


def _price_steps(package: Package, product: StripeProduct, prices: list[StripePrice]) -> Iterator[SyncStep]:
    price = matching_price(package, prices)
    if price is None:
        price = _create_price(package)
        yield SyncStep(package, "price created", price.id)
    elif price.lookup_key != lookup_key(package):
        price = stripe_gateway.take_lookup_key(price.id, lookup_key(package))
        yield SyncStep(package, "lookup key moved", price.id)
    recorded = package.current_price_id
    _record(
        package,
        stripe_price_id=price.id,
        stripe_price_minor=package.price_minor,
        stripe_currency=package.currency,
    )
    stripe_mirror.mirror_price(dict(price.raw))
    if recorded != package.stripe_price_id and price in prices:
        yield SyncStep(package, "price found", price.id)
    yield from _archive(package, product, price, [old for old in prices if old.id != price.id])


def _archive(
    package: Package, product: StripeProduct, price: StripePrice, olds: list[StripePrice]
) -> Iterator[SyncStep]:
    """Archives the prices that the current one follows. Stripe keeps a product's default price: that moves first."""
    if product.default_price_id in [old.id for old in olds]:
        updated = stripe_gateway.set_default_price(product.id, price.id)
        stripe_mirror.mirror_product(dict(updated.raw))
        yield SyncStep(package, "default price moved", price.id)
    for old in olds:
        archived = stripe_gateway.archive_price(old.id)
        stripe_mirror.mirror_price(dict(archived.raw))
        yield SyncStep(package, "old price archived", old.id)


def _create_product(package: Package) -> StripeProduct:
    return stripe_gateway.create_product(
        code=package.code,
        name=package.name,
        description=package.description,
        key=_key("product", package, package.stripe_product_id, package.name, package.description),
    )


def _update_product(package: Package, product: StripeProduct) -> StripeProduct:
    updated = stripe_gateway.update_product(
        product.id,
        code=package.code,
        name=package.name,
        description=package.description,
        active=package.is_active,
    )
    stripe_mirror.mirror_product(dict(updated.raw))
    return replace(product, raw=updated.raw)


def _create_price(package: Package) -> StripePrice:
    return stripe_gateway.create_price(
        product_id=package.stripe_product_id,
        minor=package.price_minor,
        currency=package.currency,
        lookup_key=lookup_key(package),
        key=_key("price", package, package.stripe_product_id, package.stripe_price_id, str(package.price)),
    )


def _key(kind: str, package: Package, *parts: str) -> str:
    """An idempotency key for one creation: the same for a repeat, another one when what is created differs.

    A key names the product or price that the new one follows: going back to an old amount makes a price again, and a
    product that was deleted at Stripe is made again, where the old key would bring back the old answer.
    """
    digest = hashlib.sha256("\x00".join(parts).encode()).hexdigest()[:16]
    return f"{kind}-{package.pk}-{package.code}-{digest}"


def _record(package: Package, **ids: str | int | bool) -> None:
    """Stores Stripe's ids at once: whatever dies after this, the next run starts from here."""
    if any(getattr(package, name) != value for name, value in ids.items()):
        for name, value in ids.items():
            setattr(package, name, value)
        package.save(update_fields=list(ids))
