"""dj-stripe's mirror, fed from a real sandbox over HTTP."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import stripe
from django.conf import settings as django_settings
from django.contrib.auth import get_user_model
from django.db import connection, connections, transaction
from djstripe import models as djstripe

from billing.stripe import client as stripe_client
from billing.stripe import mirror as stripe_mirror
from billing.stripe.counting import CALLS, OPERATIONS
from tests.billing.mirroring import api, events, make_price, make_product, pay
from tests.support.sandbox import Sandbox

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _only_the_test_delivers(sandbox: Sandbox) -> None:
    sandbox.hold_webhooks()


@pytest.fixture(autouse=True, scope="module")
def _whatever_is_asked_is_counted_from_zero() -> Iterator[None]:
    """What dj-stripe asks for besides is known only by asking it: a new version may ask for more."""
    yield
    asked = {sample.labels["operation"] for family in CALLS.collect() for sample in family.samples}
    assert asked == set(OPERATIONS)


@pytest.fixture
def client(sandbox: Sandbox) -> stripe.StripeClient:
    return api()


def product_now(product_id: str) -> dict[str, Any]:
    return dict(api().v1.products.retrieve(product_id).to_dict())


def price_now(price_id: str) -> dict[str, Any]:
    return dict(api().v1.prices.retrieve(price_id).to_dict())


def test_a_purchase_is_mirrored_with_all_that_belongs_to_it(
    client: stripe.StripeClient, sandbox: Sandbox
) -> None:
    session_id = pay(client, sandbox, make_price(make_product()))

    for event in events(client):
        stripe_mirror.mirror_event(event)

    session = djstripe.Session.objects.get(id=session_id)
    charge = djstripe.Charge.objects.get()
    assert session.payment_status == "paid"
    assert session.payment_intent.stripe_data["status"] == "succeeded"
    assert session.payment_intent == charge.payment_intent
    assert charge.stripe_data["amount"] == 4500
    assert charge.customer == djstripe.Customer.objects.get()
    assert djstripe.Price.objects.count() == djstripe.Product.objects.count() == 1
    assert djstripe.Event.objects.filter(type="checkout.session.completed").count() == 1


@pytest.mark.parametrize("seed", range(5))
def test_the_order_of_deliveries_does_not_matter(
    client: stripe.StripeClient, sandbox: Sandbox, seed: int
) -> None:
    product_id = make_product()
    price_id = make_price(product_id)
    for name in ("Second name", "Third name", "Last name"):
        client.v1.products.update(product_id, {"name": name})
    client.v1.prices.update(price_id, {"active": False})
    deliveries = events(client)
    random.Random(seed).shuffle(deliveries)  # noqa: S311 - repeatable, not secret

    for event in deliveries:
        stripe_mirror.mirror_event(event)

    (product,) = stripe_mirror.mirrored_catalog()
    assert (product.name, product.active) == ("Last name", True)
    assert [(price.id, price.active) for price in product.prices] == [(price_id, False)]


def test_a_repeated_event_is_taken_in_once(client: stripe.StripeClient, sandbox: Sandbox) -> None:
    make_product()
    (event,) = events(client)
    assert stripe_mirror.mirror_event(event) is True
    calls = len(sandbox.calls())

    assert stripe_mirror.mirror_event(event) is False

    assert len(sandbox.calls()) == calls
    assert djstripe.Event.objects.count() == 1


def test_a_deleted_product_is_marked_and_its_late_update_does_not_bring_it_back(
    client: stripe.StripeClient,
) -> None:
    product_id = make_product()
    stripe_mirror.mirror_product(product_now(product_id))
    client.v1.products.update(product_id, {"name": "Renamed"})
    client.v1.products.delete(product_id)
    created, updated, deleted = events(client)

    for event in (deleted, updated, created):
        assert stripe_mirror.mirror_event(event) is True

    (product,) = stripe_mirror.mirrored_catalog()
    assert (product.id, product.deleted, product.active) == (product_id, True, False)


def test_a_deleted_product_keeps_its_prices(client: stripe.StripeClient, sandbox: Sandbox) -> None:
    product_id = make_product()
    price_id = make_price(product_id)
    for event in events(client):
        stripe_mirror.mirror_event(event)
    gone = {"id": "prod_gone", "object": "product"}
    djstripe.Product.objects.create(id="prod_gone", name="Gone", livemode=False)
    djstripe.Price.objects.filter(id=price_id).update(product_id="prod_gone")
    djstripe.Product.objects.filter(id=product_id).delete()
    event = sandbox.post("/_sandbox/events", {"type": "product.deleted", "object": gone})

    stripe_mirror.mirror_event(event)

    (product,) = stripe_mirror.mirrored_catalog()
    assert product.deleted
    assert [price.id for price in product.prices] == [price_id]


def test_a_deleted_customer_stays_and_nothing_is_deleted_at_stripe(
    client: stripe.StripeClient, sandbox: Sandbox
) -> None:
    customer = client.v1.customers.create({"email": "buyer@example.com"})
    for event in events(client):
        stripe_mirror.mirror_event(event)
    event = {**event, "id": "evt_deleted", "type": "customer.deleted"}

    assert stripe_mirror.mirror_event(event) is False

    assert djstripe.Customer.objects.get().email == "buyer@example.com"
    assert not client.v1.customers.retrieve(customer.id).to_dict().get("deleted")
    assert {call["method"] for call in sandbox.calls()} == {"GET", "POST"}


def test_metadata_ties_no_customer_to_a_user_and_nothing_is_written_back(
    client: stripe.StripeClient, sandbox: Sandbox
) -> None:
    user = get_user_model().objects.create_user("buyer")
    metadata = {"djstripe_subscriber": str(user.pk)}
    client.v1.customers.create({"email": "buyer@example.com", "metadata": metadata})
    session_id = pay(client, sandbox, make_price(make_product()))
    client.v1.checkout.sessions.update(session_id, {"metadata": metadata})
    happened = events(client)
    before = sandbox.calls()

    for event in happened:
        stripe_mirror.mirror_event(event)

    after = sandbox.calls()[len(before) :]
    assert {call["method"] for call in after} == {"GET"}
    assert djstripe.Session.objects.get().metadata == metadata
    assert not djstripe.Customer.objects.exclude(subscriber=None).exists()


def test_another_accounts_event_is_left_alone(client: stripe.StripeClient) -> None:
    make_product()
    (event,) = events(client)

    assert stripe_mirror.mirror_event({**event, "account": "acct_someoneelse"}) is False

    assert djstripe.Event.objects.count() == 0


def test_a_failure_of_stripe_leaves_nothing_behind_and_the_next_try_succeeds(
    client: stripe.StripeClient, sandbox: Sandbox
) -> None:
    product_id = make_product()
    (event,) = events(client)
    sandbox.post(
        "/_sandbox/faults", {"method": "GET", "path": f"/v1/products/{product_id}", "status": 500, "times": 1}
    )

    with pytest.raises(stripe.APIError):
        stripe_mirror.mirror_event(event)

    assert not djstripe.Event.objects.exists()
    assert not djstripe.Product.objects.exists()
    assert stripe_mirror.mirror_event(event) is True
    assert djstripe.Product.objects.get().id == product_id


def test_amounts_are_the_currencys_smallest_unit() -> None:
    product_id = make_product()
    stripe_mirror.mirror_price(price_now(make_price(product_id, 2000, "jpy", "yen")))

    (product,) = stripe_mirror.mirrored_catalog()

    assert [(price.unit_amount, price.currency) for price in product.prices] == [(2000, "jpy")]
    assert product.metadata == {"package_code": "pack"}
    assert product.prices[0].lookup_key == "yen"


def test_an_older_answer_about_a_product_does_not_overwrite_a_newer_one() -> None:
    product_id = make_product("Old name")
    old = product_now(product_id)
    new = {**old, "name": "New name", "updated": old["updated"] + 1}
    stripe_mirror.mirror_product(new)

    stripe_mirror.mirror_product(old)

    assert [product.name for product in stripe_mirror.mirrored_catalog()] == ["New name"]


def test_the_catalogue_is_read_in_two_queries(django_assert_num_queries: Any) -> None:
    for name in ("One", "Two", "Three"):
        product_id = make_product(name)
        stripe_mirror.mirror_product(product_now(product_id))
        for minor in (100, 200):
            stripe_mirror.mirror_price(price_now(make_price(product_id, minor)))

    with django_assert_num_queries(2):
        catalog = stripe_mirror.mirrored_catalog()

    assert [len(product.prices) for product in catalog] == [2, 2, 2]


def test_the_api_key_is_nowhere_in_the_database(client: stripe.StripeClient, sandbox: Sandbox) -> None:
    product_id = make_product()
    stripe_mirror.mirror_product(product_now(product_id))
    pay(client, sandbox, make_price(product_id))
    for event in events(client):
        stripe_mirror.mirror_event(event)

    assert djstripe.Account.objects.count() == 1
    assert find_in_djstripe_tables("Pack of 100"), "the search itself finds nothing"
    assert not find_in_djstripe_tables(django_settings.STRIPE_SECRET_KEY)


def find_in_djstripe_tables(text: str) -> list[str]:
    """Every table and column of dj-stripe's, of text or JSON, that holds ``text`` anywhere."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'public' "
            "AND table_name LIKE 'djstripe%' AND data_type IN ('text', 'character varying', 'json', 'jsonb')"
        )
        columns = cursor.fetchall()
        assert ("djstripe_apikey", "secret") in columns
        found = []
        for table, column in columns:
            search = f'SELECT 1 FROM "{table}" WHERE "{column}"::text LIKE %s LIMIT 1'
            cursor.execute(search, [f"%{text}%"])
            if cursor.fetchone():
                found.append(f"{table}.{column}")
    return found


def test_nothing_can_store_an_api_key() -> None:
    with pytest.raises(stripe_mirror.SecretInDatabaseError):
        djstripe.APIKey.objects.get_or_create_by_api_key(django_settings.STRIPE_SECRET_KEY)
    assert djstripe.APIKey.objects.count() == 0


@pytest.mark.parametrize(
    ("event_type", "mirrored"),
    [
        ("product.deleted", True),
        ("price.updated", True),
        ("checkout.session.expired", True),
        ("charge.refund.updated", True),
        ("charge.dispute.closed", True),
        ("refund.failed", True),
        ("customer.updated", True),
        ("customer.deleted", False),
        ("customer.subscription.updated", False),
        ("invoice.paid", False),
        ("account.updated", False),
    ],
)
def test_what_is_mirrored_is_named(event_type: str, mirrored: bool) -> None:
    assert stripe_mirror.is_mirrored(event_type) is mirrored


def test_every_call_carries_the_pinned_version(sandbox: Sandbox, client: stripe.StripeClient) -> None:
    make_product()
    (event,) = events(client)
    stripe_mirror.mirror_event(event)

    assert stripe.api_version == django_settings.STRIPE_API_VERSION
    assert stripe.max_network_retries == django_settings.STRIPE_MAX_NETWORK_RETRIES
    assert stripe.default_http_client is not None
    assert stripe.default_http_client._timeout == django_settings.STRIPE_TIMEOUT_SECONDS  # type: ignore[attr-defined]


@pytest.mark.django_db(transaction=True)
class TestAtOnce:
    def test_one_event_delivered_many_times_at_once_is_taken_in_once(
        self, client: stripe.StripeClient
    ) -> None:
        make_product()
        (event,) = events(client)

        taken = run_at_once([event] * 8)

        assert sorted(taken) == [False] * 7 + [True]
        assert djstripe.Event.objects.count() == djstripe.Product.objects.count() == 1

    def test_the_events_of_one_purchase_may_come_at_once(
        self, client: stripe.StripeClient, sandbox: Sandbox
    ) -> None:
        pay(client, sandbox, make_price(make_product()))
        deliveries = events(client)

        taken = run_at_once(deliveries * 2)

        assert taken.count(True) == len(deliveries)
        assert djstripe.Charge.objects.get().payment_intent == djstripe.Session.objects.get().payment_intent

    def test_without_the_locks_an_event_is_taken_in_more_than_once(
        self, client: stripe.StripeClient, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The negative control: the race is there, and these tests can see it."""
        make_product()
        (event,) = events(client)

        def any_turn(ids: set[str]) -> Any:
            stripe_client.configure_module_client()
            return transaction.atomic(durable=True)

        monkeypatch.setattr(stripe_mirror, "_turn_to_write", any_turn)
        assert run_at_once([event] * 8).count(True) > 1

    def test_it_refuses_to_run_inside_a_transaction(self, client: stripe.StripeClient) -> None:
        make_product()
        (event,) = events(client)
        with transaction.atomic(), pytest.raises(RuntimeError):
            stripe_mirror.mirror_event(event)


def run_at_once(deliveries: list[dict[str, Any]]) -> list[bool]:
    start = threading.Barrier(len(deliveries))

    def deliver(event: dict[str, Any]) -> bool:
        start.wait(10)
        try:
            return stripe_mirror.mirror_event(event)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(deliveries)) as pool:
        return list(pool.map(deliver, deliveries))
