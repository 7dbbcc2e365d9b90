"""Compare our packages and plans with their products and prices at Stripe.

The sync, its ``--check`` and ``--dry-run``, and the admin (which reads dj-stripe's mirror) share this comparison.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from accounts.normal_form import normal_form
from billing.packages.models import Package
from billing.plans.models import Plan
from billing.stripe.mirror import MirroredPrice, MirroredProduct, mirrored_catalog
from billing.stripe.objects.catalog import StripePrice, StripeProduct
from billing.tax import tax_behavior

# What is for sale, each with a product and a price at Stripe.
ForSale = Package | Plan
# What a price at Stripe says of its tax at first. The mirror says nothing.
UNSPECIFIED = "unspecified"


@dataclass(frozen=True)
class RemoteCatalog:
    """The products and prices at Stripe."""

    products: tuple[StripeProduct, ...]
    prices: tuple[StripePrice, ...]

    def product_of(self, package: ForSale) -> StripeProduct | None:
        """Return the package's product, by its recorded id, else by the code in its metadata."""
        for product in self.products:
            if product.id == package.stripe_product_id:
                return product
        carrying = [product for product in self.products if code_in(product, package) == package.code]
        # The oldest of several: Stripe lists the newest first.
        return carrying[-1] if carrying else None

    def namesakes(self, package: ForSale) -> list[StripeProduct]:
        """Return products with the package's name and no code of ours, active ones first."""
        same = [
            product
            for product in self.products
            if normal_form(product.name.strip()) == normal_form(package.name.strip())
            and not (product.package_code or product.plan_code)
        ]
        return sorted(same, key=lambda product: not product.active)

    def price(self, price_id: str) -> StripePrice | None:
        return next((price for price in self.prices if price.id == price_id), None)

    def prices_of(self, package: ForSale, product_id: str) -> list[StripePrice]:
        """Return the product's active prices of the kind that the package or plan has: one-time or recurring."""
        recurs = bool(interval_of(package))
        return [
            price
            for price in self.prices
            if price.product_id == product_id and price.active and bool(price.interval) == recurs
        ]


def mirrored_remote_catalog() -> RemoteCatalog:
    """Return Stripe's catalogue from dj-stripe's mirror, as of the last sync and events."""
    mirrored = [product for product in mirrored_catalog() if not product.deleted]
    return RemoteCatalog(
        tuple(_as_product(product) for product in reversed(mirrored)),
        tuple(
            _as_price(product, price) for product in mirrored for price in product.prices if not price.deleted
        ),
    )


def _as_product(product: MirroredProduct) -> StripeProduct:
    code, plan = (product.metadata.get(key, "") for key in ("package_code", "plan_code"))
    return StripeProduct(
        product.id, product.name, product.description, product.active, code, raw={}, plan_code=plan
    )


def _as_price(product: MirroredProduct, price: MirroredPrice) -> StripePrice:
    return StripePrice(
        price.id,
        product.id,
        price.unit_amount,
        price.currency,
        price.active,
        price.lookup_key,
        raw={},
        interval=price.interval,
    )


def lookup_key(package: ForSale) -> str:
    """Return the lookup key of the package's or plan's current price at Stripe."""
    return f"plan_{package.code}" if isinstance(package, Plan) else f"credits_{package.code}"


def metadata_of(package: ForSale) -> dict[str, str]:
    """Return what its product at Stripe carries, to be found by."""
    return {"plan_code" if isinstance(package, Plan) else "package_code": package.code}


def code_in(product: StripeProduct, package: ForSale) -> str:
    return product.plan_code if isinstance(package, Plan) else product.package_code


def interval_of(package: ForSale) -> str:
    return package.interval if isinstance(package, Plan) else ""


def product_differs(package: ForSale, product: StripeProduct) -> bool:
    stands = (product.name, product.description, product.active, code_in(product, package))
    return stands != (package.name, package.description, package.is_active, package.code)


def matching_price(package: ForSale, prices: Iterable[StripePrice]) -> StripePrice | None:
    """Return the price of exactly the package's amount: preferably the recorded one, then one with the lookup key."""
    same = [
        price
        for price in prices
        if (price.unit_amount, price.currency, price.interval)
        == (package.price_minor, package.currency, interval_of(package))
        and not taxed_otherwise(package, price)
    ]
    same.sort(
        key=lambda price: (price.id != package.stripe_price_id, price.lookup_key != lookup_key(package))
    )
    return same[0] if same else None


def taxed_otherwise(package: ForSale, price: StripePrice) -> bool:
    """Return whether a price is taxed in another way than what is sold at it must be; that can't be changed."""
    wanted = tax_behavior(package.currency)
    return bool(wanted) and price.tax_behavior not in (wanted, UNSPECIFIED, "")


def lacks_tax(package: ForSale, price: StripePrice) -> bool:
    """Return whether a price doesn't say yet how it is taxed."""
    return bool(tax_behavior(package.currency)) and price.tax_behavior == UNSPECIFIED


def find_drift(package: ForSale, remote: RemoteCatalog) -> list[str]:
    """Return the differences between the package and Stripe as readable clauses."""
    product = remote.product_of(package)
    if product is None:
        return _missing(package, remote) if package.needs_stripe else []
    drift = _product_drift(package, product)
    if package.is_active:
        drift += _price_drift(package, remote.prices_of(package, product.id))
    return drift


def _missing(package: ForSale, remote: RemoteCatalog) -> list[str]:
    if package.stripe_product_id and package.awaits_adoption:
        return [f"Stripe has no product {package.stripe_product_id}"]
    namesakes = [product.id for product in remote.namesakes(package)]
    has_its_name = f" ({', '.join(namesakes)} has its name; use --adopt)" if namesakes else ""
    return [f"product missing in Stripe: {package.name}{has_its_name}"]


def _product_drift(package: ForSale, product: StripeProduct) -> list[str]:
    drift = []
    if package.stripe_product_id != product.id:
        drift.append(f"product {product.id} is not recorded here")
    elif package.awaits_adoption:
        drift.append(f"product {product.id} is not adopted yet")
    elif code_in(product, package) != package.code:
        drift.append(
            f"{next(iter(metadata_of(package)))} in the product's metadata is {code_in(product, package)!r}"
        )
    if product.name != package.name:
        drift.append(f"name in Stripe is {product.name!r}")
    if product.description != package.description:
        drift.append("description differs")
    if product.active != package.is_active:
        drift.append(
            "active in Stripe, off sale here" if product.active else "archived in Stripe, on sale here"
        )
    return drift


def _price_drift(package: ForSale, prices: list[StripePrice]) -> list[str]:
    current = matching_price(package, prices)
    if current is None:
        return [f"no active price of {package.price} in Stripe"]
    drift = []
    if package.current_price_id != current.id:
        drift.append(f"price {current.id} is not recorded here")
    if current.lookup_key != lookup_key(package):
        drift.append(f"lookup key {lookup_key(package)} is not on price {current.id}")
    if lacks_tax(package, current):
        drift.append(f"price {current.id} doesn't say how it is taxed")
    drift += [f"old price {price.id} is still active" for price in prices if price is not current]
    return drift
