"""Find a package's existing product at Stripe, rather than duplicating it or adopting it silently.

It matches by the id given in a catalogue file or the admin, its metadata's package code, or, if agreed to, its name.
"""

from __future__ import annotations

from collections.abc import Callable

from billing.errors import CannotAdopt, ProductNameTaken
from billing.packages.models import Package
from billing.packages.remote_catalog import ForSale, RemoteCatalog
from billing.plans.models import Plan
from billing.stripe.objects.catalog import StripePrice, StripeProduct

# Decides whether a package adopts this product, which has its name.
Agrees = Callable[[ForSale, StripeProduct], bool]


def find_product(package: ForSale, remote: RemoteCatalog, agrees: Agrees | None) -> StripeProduct | None:
    """Return the package's product at Stripe; None if one must be created.

    Raises:
        CannotAdopt: the ids given for it don't fit the objects at Stripe.
        ProductNameTaken: a product has its name, and ``agrees`` is None, so nobody can be asked.
    """
    found = remote.product_of(package)
    if package.awaits_adoption:
        _require_given(package, found, remote)
        return found
    others = _products_of_others(package)
    if found is not None and found.id in others:
        found = None
    if found is not None or not package.is_active:
        return found
    for namesake in remote.namesakes(package):
        if namesake.id in others:
            continue
        if agrees is None:
            raise ProductNameTaken(
                f"Stripe already has a product called “{namesake.name}”: {namesake.id}. To use it, run"
                " sync_catalog --adopt, or give its ID as stripe_product_id.",
                product=namesake.id,
            )
        if agrees(package, namesake):
            return namesake
    return None


def _products_of_others(package: ForSale) -> set[str]:
    used: set[str] = set()
    for model in (Package, Plan):
        rows = model._default_manager.all()
        if isinstance(package, model):
            rows = rows.exclude(pk=package.pk)
        used.update(rows.values_list("stripe_product_id", flat=True))
    return used


def _require_given(package: ForSale, product: StripeProduct | None, remote: RemoteCatalog) -> None:
    """Require that the ids staff gave are right; a mismatch is reported, never worked around."""
    if product is None or product.id != package.stripe_product_id:
        raise CannotAdopt(
            f"Stripe has no product {package.stripe_product_id}. Correct stripe_product_id, or check that"
            " STRIPE_SECRET_KEY is in the mode (test or live) it was created in."
        )
    if package.stripe_price_id:
        reason = _why_not(package, remote.price(package.stripe_price_id))
        if reason:
            raise CannotAdopt(
                f"{package.stripe_price_id} {reason}. Correct stripe_price_id, or leave it out."
            )


def _why_not(package: ForSale, price: StripePrice | None) -> str:
    if price is None or price.interval:
        return "is not a one-time price in Stripe"
    if price.product_id != package.stripe_product_id:
        return f"is a price of {price.product_id}, not of {package.stripe_product_id}"
    if not price.active:
        return "is archived in Stripe"
    if (price.unit_amount, price.currency) != (package.price_minor, package.currency):
        return f"has another amount or currency in Stripe than {package.price}"
    return ""
