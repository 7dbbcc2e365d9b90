"""What others do at Stripe is drift: the sync puts it right, and looking only says so."""

from __future__ import annotations

from io import StringIO

import pytest
import requests
from django.conf import settings
from django.core.management import CommandError, call_command

from billing.packages.catalog_sync import sync_package
from billing.packages.models import Package
from tests.billing.calling import stripe_posts
from tests.billing.syncing import agrees, at_stripe, exit_code, one, starter, steps, sync
from tests.support.builders import PackageFactory, put_on_sale
from tests.support.sandbox import Sandbox

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("held_webhooks")]


# --- What others do at Stripe -------------------------------------------------------------------------------------


def test_a_product_archived_by_hand_is_drift_and_the_sync_revives_it(sandbox: Sandbox) -> None:
    put_on_sale()
    sync()
    at_stripe(sandbox, f"products/{starter().stripe_product_id}", active="false")

    assert exit_code("--check") == 1
    assert "archived in Stripe, on sale here" in sync("--dry-run")
    assert steps(sync())[0] == ("starter", "product updated")
    agrees(sandbox)


def test_a_price_archived_by_hand_is_drift_and_the_sync_makes_it_again(sandbox: Sandbox) -> None:
    PackageFactory(code="starter")
    sync()
    at_stripe(sandbox, f"prices/{starter().stripe_price_id}", active="false")

    assert "no active price of $10.00 in Stripe" in sync("--dry-run")
    sync()
    agrees(sandbox)


def test_a_price_added_by_hand_is_drift_and_the_sync_archives_it(sandbox: Sandbox) -> None:
    PackageFactory(code="starter")
    sync()
    at_stripe(sandbox, "prices", product=starter().stripe_product_id, currency="usd", unit_amount="1")

    assert "is still active" in sync("--dry-run")
    assert steps(sync()) == [("starter", "old price archived")]
    agrees(sandbox)


def test_a_lookup_key_moved_by_hand_is_drift_and_the_sync_moves_it_back(sandbox: Sandbox) -> None:
    PackageFactory(code="starter")
    sync()
    form = {"product": starter().stripe_product_id, "currency": "usd", "unit_amount": "500"}
    at_stripe(sandbox, "prices", lookup_key="credits_starter", transfer_lookup_key="true", **form)

    assert "lookup key credits_starter is not on price" in sync("--dry-run")
    assert steps(sync()) == [("starter", "lookup key moved"), ("starter", "old price archived")]
    agrees(sandbox)


def test_a_product_renamed_by_hand_is_drift_and_gets_our_name_back(sandbox: Sandbox) -> None:
    PackageFactory(code="starter", name="Starter")
    sync()
    at_stripe(sandbox, f"products/{starter().stripe_product_id}", name="Anfang", description="Neu")

    assert "name in Stripe is 'Anfang'" in sync("--dry-run")
    sync()
    agrees(sandbox)


def test_a_product_deleted_by_hand_is_made_again(sandbox: Sandbox) -> None:
    PackageFactory(code="starter")
    # Stripe deletes no product that has a price.
    sandbox.fault(method="POST", path="/v1/prices", status=500, times=1, remember=False)
    with pytest.raises(CommandError):
        sync()
    product = starter().stripe_product_id
    key = (settings.STRIPE_SECRET_KEY, "")
    assert requests.delete(f"{sandbox.url}/v1/products/{product}", auth=key, timeout=10).ok

    assert sync("--dry-run").startswith("starter       product missing in Stripe")
    sync()
    assert starter().stripe_product_id != product
    assert one(sandbox, "product", active=True)["id"] == starter().stripe_product_id
    assert exit_code("--check") == 0


def test_products_of_others_are_left_alone(sandbox: Sandbox) -> None:
    at_stripe(sandbox, "products", name="T-shirt")
    put_on_sale()
    sync()

    assert one(sandbox, "product", name="T-shirt")["active"] is True
    assert len(sandbox.objects("product")) == 5
    agrees(sandbox)


def test_more_products_than_a_page_of_stripes_list_are_all_seen(sandbox: Sandbox) -> None:
    PackageFactory(code="starter")
    sync()
    for number in range(101):
        at_stripe(sandbox, "products", name=f"Other {number}")
    sandbox.delete("/_sandbox/requests")
    Package.objects.update(stripe_product_id="", stripe_price_id="")
    sync()

    assert len([p for p in sandbox.objects("product") if p["metadata"].get("package_code")]) == 1
    assert len([call for call in sandbox.calls() if call["path"] == "/v1/products"]) == 2


@pytest.mark.parametrize("unrelated", [False, True], ids=["our old price", "a price added by hand"])
def test_a_default_price_moves_before_it_is_archived(sandbox: Sandbox, unrelated: bool) -> None:
    """As products made in the dashboard have one, and Stripe archives none."""
    put_on_sale()
    sync()
    product, default = starter().stripe_product_id, starter().stripe_price_id
    if unrelated:
        at_stripe(sandbox, "prices", product=product, currency="usd", unit_amount="777")
        default = one(sandbox, "price", unit_amount=777)["id"]
    at_stripe(sandbox, f"products/{product}", default_price=default)
    Package.objects.filter(code="starter").update(price_minor=1200)
    said = steps(sync())

    assert [what for code, what in said if code == "starter"][:2] == [
        "price created",
        "default price moved",
    ]
    assert one(sandbox, "product", id=product)["default_price"] == starter().stripe_price_id
    agrees(sandbox)


@pytest.mark.parametrize("status", [400, 503], ids=["refused", "not answered"])
def test_a_package_that_fails_holds_up_none_of_the_others(sandbox: Sandbox, status: int) -> None:
    put_on_sale()
    sandbox.fault(method="POST", path="/v1/prices", status=status, times=1, remember=False)
    out = StringIO()
    with pytest.raises(CommandError) as failed:
        call_command("sync_catalog", stdout=out)

    assert [(code, what) for code, what in steps(out.getvalue()) if what == "failed"] == [
        ("starter", "failed")
    ]
    assert str(failed.value).startswith("starter: ")
    assert ("Run the command again" in str(failed.value)) == (status == 503)
    assert Package.objects.exclude(stripe_price_id="").count() == 3
    sync()
    agrees(sandbox)


# --- Looking and not touching -------------------------------------------------------------------------------------


@pytest.mark.parametrize("option", ["--dry-run", "--check"])
def test_looking_changes_nothing_here_or_there(sandbox: Sandbox, option: str) -> None:
    put_on_sale()
    sync_package(starter())
    Package.objects.filter(code="starter").update(price_minor=999)
    before = (list(Package.objects.values()), sandbox.objects("product"), sandbox.objects("price"))
    sandbox.delete("/_sandbox/requests")

    assert exit_code(option) == (1 if option == "--check" else 0)
    assert (list(Package.objects.values()), sandbox.objects("product"), sandbox.objects("price")) == before
    assert stripe_posts(sandbox) == []


def test_looking_names_each_difference_and_counts_them(sandbox: Sandbox) -> None:
    put_on_sale()
    sync()
    Package.objects.filter(code="starter").update(price_minor=1200)
    Package.objects.filter(code="pro").update(name="Professional")

    assert sync("--dry-run").splitlines() == [
        "starter       no active price of $12.00 in Stripe",
        "pro           name in Stripe is 'Pro Pack'",
        "4 packages compared, 2 differ from Stripe.",
    ]


@pytest.mark.parametrize("option", ["--dry-run", "--check"])
def test_looking_while_stripe_is_away_is_an_error_and_no_all_clear(sandbox: Sandbox, option: str) -> None:
    sandbox.fault(method="GET", path="/v1/products", status=503, times=1)

    with pytest.raises(CommandError, match="Stripe can't be reached"):
        sync(option)
