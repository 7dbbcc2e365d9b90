"""Read and change Stripe's catalogue; never inside a transaction."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from billing.stripe.client import LIST_PAGE, call, client, pages
from billing.stripe.objects.catalog import StripePrice, StripeProduct


def list_products() -> Iterator[StripeProduct]:
    """Yield every product, archived ones included."""
    for data in pages(client().v1.products.list, {"limit": LIST_PAGE}):
        yield StripeProduct.from_json(data)


def list_prices() -> Iterator[StripePrice]:
    """Yield every price, archived ones included."""
    for data in pages(client().v1.prices.list, {"limit": LIST_PAGE}):
        yield StripePrice.from_json(data)


def create_product(*, metadata: Mapping[str, str], name: str, description: str, key: str) -> StripeProduct:
    params: Any = {"name": name, "metadata": dict(metadata)}
    if description:
        params["description"] = description
    options: Any = {"idempotency_key": key}
    return StripeProduct.from_json(call(lambda: client().v1.products.create(params, options)))


def update_product(
    product_id: str, *, metadata: Mapping[str, str], name: str, description: str, active: bool
) -> StripeProduct:
    params: Any = {
        "name": name, "description": description, "active": active, "metadata": dict(metadata)
    }  # fmt: skip
    return StripeProduct.from_json(call(lambda: client().v1.products.update(product_id, params)))


def set_default_price(product_id: str, price_id: str) -> StripeProduct:
    """Make this the product's default price, so that the former one can be archived."""
    params: Any = {"default_price": price_id}
    return StripeProduct.from_json(call(lambda: client().v1.products.update(product_id, params)))


def create_price(
    *, product_id: str, minor: int, currency: str, interval: str, tax_behavior: str, lookup_key: str, key: str
) -> StripePrice:
    """Create a price, which takes the lookup key from the price that had it; an empty ``interval`` is one-time."""
    params: Any = {
        "product": product_id,
        "unit_amount": minor,
        "currency": currency,
        "lookup_key": lookup_key,
        "transfer_lookup_key": True,
    }
    if tax_behavior:
        params["tax_behavior"] = tax_behavior
    if interval:
        params["recurring"] = {"interval": interval}
    options: Any = {"idempotency_key": key}
    return StripePrice.from_json(call(lambda: client().v1.prices.create(params, options)))


def take_lookup_key(price_id: str, lookup_key: str) -> StripePrice:
    """Move the lookup key to this price from the one that has it."""
    params: Any = {"lookup_key": lookup_key, "transfer_lookup_key": True}
    return StripePrice.from_json(call(lambda: client().v1.prices.update(price_id, params)))


def set_tax_behavior(price_id: str, tax_behavior: str) -> StripePrice:
    """Say of a price that didn't whether it includes tax."""
    params: Any = {"tax_behavior": tax_behavior}
    return StripePrice.from_json(call(lambda: client().v1.prices.update(price_id, params)))


def archive_price(price_id: str) -> StripePrice:
    """Archive a price, so that nothing is sold at it. It can't be deleted: old sessions refer to it."""
    return StripePrice.from_json(call(lambda: client().v1.prices.update(price_id, {"active": False})))
