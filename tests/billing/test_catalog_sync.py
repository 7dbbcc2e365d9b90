"""The sync brings Stripe to where the packages are: repeatable, safe to kill anywhere, and never a second product."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any, cast

import pytest
from django.core.management import CommandError

from billing.packages.catalog_sync import SyncStep, check_catalog, sync_catalog, sync_package
from billing.packages.models import Package
from tests.billing.calling import stripe_posts
from tests.billing.syncing import agrees, exit_code, one, starter, steps, sync
from tests.support.builders import PackageFactory, UserFactory, put_on_sale, start
from tests.support.sandbox import Sandbox

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("held_webhooks")]


def test_the_first_sync_makes_a_product_and_a_price_for_each_package(sandbox: Sandbox) -> None:
    put_on_sale()
    said = sync()

    assert steps(said) == [
        (code, what)
        for code in ("starter", "standard", "pro", "enterprise")
        for what in ("product created", "price created")
    ]
    starter_pack = starter()
    assert said.splitlines()[:2] == [
        f"Created product {starter_pack.stripe_product_id} for {starter_pack}.",
        f"Created price {starter_pack.stripe_price_id} of $10.00 for {starter_pack}.",
    ]
    assert said.splitlines()[-1] == ("4 packages are in sync. See https://dashboard.stripe.com/test/products")
    assert {price["type"] for price in sandbox.objects("price")} == {"one_time"}
    agrees(sandbox)


def test_a_second_sync_changes_nothing(sandbox: Sandbox) -> None:
    put_on_sale()
    sync()
    before = list(Package.objects.values())
    sandbox.delete("/_sandbox/requests")
    said = sync()

    assert steps(said) == [(code, "unchanged") for code in ("starter", "standard", "pro", "enterprise")]
    assert stripe_posts(sandbox) == []
    assert list(Package.objects.values()) == before


def test_a_new_amount_makes_a_new_price_moves_the_lookup_key_and_archives_the_old(sandbox: Sandbox) -> None:
    put_on_sale()
    sync()
    old = starter().stripe_price_id
    Package.objects.filter(code="starter").update(price_minor=1200)
    said = sync()

    assert steps(said)[:2] == [("starter", "price created"), ("starter", "old price archived")]
    new = one(sandbox, "price", product=starter().stripe_product_id, active=True)
    assert (new["unit_amount"], new["lookup_key"]) == (1200, "credits_starter")
    former = one(sandbox, "price", id=old)
    assert (former["active"], former["lookup_key"], former["unit_amount"]) == (False, None, 1000)
    assert len(sandbox.objects("product")) == 4
    agrees(sandbox)


def test_a_price_that_goes_up_and_comes_back_is_right_each_time(sandbox: Sandbox) -> None:
    PackageFactory(code="starter", price_minor=1000)
    for minor in (1000, 1200, 1000, 1200):
        Package.objects.update(price_minor=minor)
        sync()
        agrees(sandbox)
    assert len(sandbox.objects("price")) == 4


def test_another_currency_is_another_price(sandbox: Sandbox) -> None:
    PackageFactory(code="starter", price_minor=1000)
    sync()
    Package.objects.update(currency="jpy")
    sync()

    assert one(sandbox, "price", active=True)["currency"] == "jpy"
    assert one(sandbox, "price", active=True)["unit_amount"] == 1000
    agrees(sandbox)


def test_a_new_name_or_description_is_an_update_and_makes_no_price(sandbox: Sandbox) -> None:
    PackageFactory(code="starter", description="Old words.")
    sync()
    sandbox.delete("/_sandbox/requests")
    Package.objects.update(name="Beginner", description="")
    said = sync()

    assert steps(said) == [("starter", "product updated")]
    assert (one(sandbox, "product")["name"], one(sandbox, "product")["description"] or "") == ("Beginner", "")
    assert [call["path"] for call in stripe_posts(sandbox)] == [f"/v1/products/{starter().stripe_product_id}"]
    agrees(sandbox)


def test_a_package_off_sale_is_archived_and_back_on_sale_revived_with_its_price(sandbox: Sandbox) -> None:
    PackageFactory(code="starter")
    sync()
    price = starter().stripe_price_id
    Package.objects.update(is_active=False)
    assert steps(sync()) == [("starter", "product updated")]
    assert one(sandbox, "product")["active"] is False
    assert exit_code("--check") == 0

    Package.objects.update(is_active=True)
    assert steps(sync()) == [("starter", "product updated")]
    assert (starter().stripe_price_id, len(sandbox.objects("price"))) == (price, 1)
    agrees(sandbox)


def test_a_package_that_never_was_on_sale_is_not_brought_to_stripe(sandbox: Sandbox) -> None:
    PackageFactory(is_active=False)

    assert sync() == "Nothing to sync: no package is on sale. Run load_catalog first.\n"
    assert (sandbox.objects("product"), exit_code("--check")) == ([], 0)


def test_the_sync_of_one_package_leaves_the_others(sandbox: Sandbox) -> None:
    put_on_sale()
    sync_package(starter())

    assert one(sandbox, "product")["metadata"] == {"package_code": "starter"}


def test_a_free_pack_is_nothing_to_stripe(sandbox: Sandbox) -> None:
    put_on_sale()
    PackageFactory(code="free", price_minor=0)
    sync()

    codes = {product["metadata"]["package_code"] for product in sandbox.objects("product")}
    assert codes == {"starter", "standard", "pro", "enterprise"}
    assert all(drift == [] for _package, drift in check_catalog())


def test_a_pack_that_became_free_keeps_its_product_with_a_price_of_nothing(sandbox: Sandbox) -> None:
    PackageFactory(code="free")
    sync()
    Package.objects.update(price_minor=0)
    sync()

    agrees(sandbox)


# --- Killed half-way ----------------------------------------------------------------------------------------------

PLACES = {
    "creating a product": {"path": "/v1/products"},
    "creating a price": {"path": "/v1/prices"},
}


@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES.keys())
@pytest.mark.parametrize(
    "fault",
    [{"status": 500}, {"status": None}, {"status": None, "after": True}, {"status": 500, "after": True}],
    ids=["an error", "a broken connection", "a lost answer", "an error after the work"],
)
def test_whatever_stripe_loses_the_next_run_finishes_without_a_duplicate(
    sandbox: Sandbox, place: dict[str, str], fault: dict[str, Any]
) -> None:
    put_on_sale()
    sandbox.fault(method="POST", times=1, remember=False, **place, **fault)
    with pytest.raises(CommandError, match="Run the command again to continue where it stopped"):
        sync()
    sync()

    assert (len(sandbox.objects("product")), len(sandbox.objects("price"))) == (4, 4)
    agrees(sandbox)


def run_and_die(steps: int) -> None:
    """Syncs up to a step. Nothing after it is done at Stripe, nor the step itself written down here."""
    running = sync_catalog()
    for _ in range(steps):
        next(running)
    cast(Generator[SyncStep, None, None], running).close()


@pytest.mark.parametrize("killed_after", range(1, 8))
def test_killed_after_any_step_the_next_run_finishes_without_a_duplicate(
    sandbox: Sandbox, killed_after: int
) -> None:
    put_on_sale()
    run_and_die(killed_after)
    sync()

    assert (len(sandbox.objects("product")), len(sandbox.objects("price"))) == (4, 4)
    agrees(sandbox)


@pytest.mark.parametrize("killed_after", [1, 3])
def test_a_run_that_goes_on_days_later_finds_what_the_killed_one_made(
    sandbox: Sandbox, killed_after: int
) -> None:
    put_on_sale()
    run_and_die(killed_after)
    sandbox.post("/_sandbox/clock", {"advance_s": 3 * 86400})  # Stripe has forgotten the idempotency keys
    sync()

    assert (len(sandbox.objects("product")), len(sandbox.objects("price"))) == (4, 4)
    agrees(sandbox)


@pytest.mark.parametrize("killed_after", [1, 2])
def test_killed_within_a_change_of_price_the_next_run_finishes_it(
    sandbox: Sandbox, killed_after: int
) -> None:
    PackageFactory(code="starter")
    sync()
    Package.objects.update(price_minor=1200)
    run_and_die(killed_after)
    sync()

    assert len(sandbox.objects("price")) == 2
    agrees(sandbox)


def test_ids_that_we_forgot_are_found_again_at_stripe(sandbox: Sandbox) -> None:
    put_on_sale()
    sync()
    Package.objects.update(
        stripe_product_id="", stripe_price_id="", stripe_price_minor=None, stripe_currency=""
    )
    sandbox.delete("/_sandbox/requests")
    said = sync()

    assert steps(said)[:2] == [("starter", "product found"), ("starter", "price found")]
    assert stripe_posts(sandbox) == []
    agrees(sandbox)


# --- Buying between an edit and the sync --------------------------------------------------------------------------


@pytest.mark.parametrize(("minor", "currency"), [(1200, "usd"), (1000, "jpy")])
def test_a_purchase_between_an_edit_and_the_sync_charges_the_price_that_is_shown(
    sandbox: Sandbox, minor: int, currency: str
) -> None:
    put_on_sale()
    sync()
    Package.objects.filter(code="starter").update(price_minor=minor, currency=currency)
    started = start(UserFactory())

    session = one(sandbox, "checkout.session", id=started.session_id)
    assert (session["amount_total"], session["currency"]) == (minor, currency)
    assert (started.purchase.price_minor, started.purchase.currency) == (minor, currency)


def test_a_synced_package_is_sold_by_its_price_at_stripe_and_an_unsynced_one_by_its_amount(
    sandbox: Sandbox,
) -> None:
    put_on_sale()
    sync_package(starter())
    start(UserFactory(), "starter")
    start(UserFactory(), "pro")

    synced, unsynced = (
        call["params"]["line_items"] for call in stripe_posts(sandbox, "/v1/checkout/sessions")
    )
    assert starter().stripe_price_id in str(synced)
    assert "price_data" in str(unsynced)
    assert [session["amount_total"] for session in sandbox.objects("checkout.session")] == [1000, 8000]


def test_a_checkout_opened_before_a_new_price_is_paid_and_credited_at_the_old(sandbox: Sandbox) -> None:
    put_on_sale()
    sync()
    started = start(UserFactory())
    Package.objects.filter(code="starter").update(price_minor=9900)
    sync()
    sandbox.pay(started.session_id)
    sandbox.release_webhooks()

    started.purchase.refresh_from_db()
    assert (started.purchase.status, started.purchase.paid_minor) == ("completed", 1000)
