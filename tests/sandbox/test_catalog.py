"""Products and prices: what may change, what never does, and what is told of it."""

from __future__ import annotations

from typing import Any

import pytest
import stripe

from tests.sandbox.calling import list_event_types
from tests.support.sandbox import Sandbox


@pytest.fixture
def product(client: stripe.StripeClient) -> stripe.Product:
    return client.v1.products.create({"name": "Studio pack", "metadata": {"code": "studio"}})


def add_price(client: stripe.StripeClient, product: stripe.Product, **params: Any) -> stripe.Price:
    defaults = {"product": product.id, "currency": "usd", "unit_amount": 4500}
    return client.v1.prices.create({**defaults, **params})  # type: ignore[typeddict-item]


def test_a_change_tells_what_was_before(sandbox: Sandbox, client: stripe.StripeClient) -> None:
    product = client.v1.products.create({"name": "Old"})
    client.v1.products.update(product.id, {"name": "New"})
    client.v1.products.update(product.id, {"name": "New"})
    assert list_event_types(sandbox) == ["product.created", "product.updated"]
    assert sandbox.objects("event")[1]["data"]["previous_attributes"]["name"] == "Old"


@pytest.mark.parametrize("field", [{"unit_amount": 1}, {"currency": "eur"}, {"product": "prod_x"}])
def test_what_a_price_is_never_changes(
    client: stripe.StripeClient, product: stripe.Product, field: dict[str, Any]
) -> None:
    price = add_price(client, product)
    with pytest.raises(stripe.InvalidRequestError, match="unknown parameter"):
        client.v1.prices.update(price.id, field)  # type: ignore[arg-type]


def test_a_lookup_key_names_one_price_and_moves_only_on_demand(
    client: stripe.StripeClient, product: stripe.Product
) -> None:
    first = add_price(client, product, lookup_key="studio")
    with pytest.raises(stripe.InvalidRequestError, match="already uses that lookup key"):
        add_price(client, product, lookup_key="studio")
    second = add_price(client, product, lookup_key="studio", transfer_lookup_key=True)
    found = client.v1.prices.list({"lookup_keys": ["studio"]}).data
    assert [price.id for price in found] == [second.id]
    assert client.v1.prices.retrieve(first.id).lookup_key is None


def test_prices_are_listed_by_product_and_activity(
    client: stripe.StripeClient, product: stripe.Product
) -> None:
    old, new = add_price(client, product), add_price(client, product, unit_amount=5000)
    client.v1.prices.update(old.id, {"active": False})
    active = client.v1.prices.list({"product": product.id, "active": True})
    assert [price.id for price in active.data] == [new.id]


def test_fractions_of_the_smallest_unit_are_kept_exactly(
    client: stripe.StripeClient, product: stripe.Product
) -> None:
    price = client.v1.prices.create({"product": product.id, "currency": "usd", "unit_amount_decimal": "0.25"})  # type: ignore[typeddict-item]
    assert (price.unit_amount, str(price.unit_amount_decimal)) == (None, "0.25")


def test_a_product_may_bring_its_price_and_its_own_id(client: stripe.StripeClient) -> None:
    product = client.v1.products.create(
        {"id": "pack-1", "name": "x", "default_price_data": {"currency": "jpy", "unit_amount": 2000}}
    )
    assert product.id == "pack-1"
    assert isinstance(product.default_price, str)
    assert client.v1.prices.retrieve(product.default_price).product == "pack-1"
    with pytest.raises(stripe.InvalidRequestError, match="already exists"):
        client.v1.products.create({"id": "pack-1", "name": "y"})


def test_a_product_with_prices_cannot_be_deleted(
    sandbox: Sandbox, client: stripe.StripeClient, product: stripe.Product
) -> None:
    assert client.v1.products.delete(product.id).deleted
    with pytest.raises(stripe.InvalidRequestError, match="No such product"):
        client.v1.products.retrieve(product.id)
    other = client.v1.products.create({"name": "y"})
    add_price(client, other)
    with pytest.raises(stripe.InvalidRequestError, match="cannot be deleted"):
        client.v1.products.delete(other.id)
    assert "product.deleted" in list_event_types(sandbox)


def test_a_product_has_no_features(client: stripe.StripeClient, product: stripe.Product) -> None:
    assert client.v1.products.features.list(product.id).data == []


def test_a_deleted_customer_leaves_a_stub(client: stripe.StripeClient) -> None:
    customer = client.v1.customers.create({"email": "jenny@shop.test"})
    client.v1.customers.delete(customer.id)
    stub = client.v1.customers.retrieve(customer.id).to_dict()
    assert stub == {"id": customer.id, "object": "customer", "deleted": True}
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.customers.update(customer.id, {"name": "x"})
