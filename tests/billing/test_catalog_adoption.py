"""Products that Stripe had before us are taken over: by the id that is given, by their metadata, by name when asked."""

from __future__ import annotations

from io import StringIO
from pathlib import Path
from typing import Any

import pytest
import stripe
from django.conf import settings
from django.core.management import CommandError, call_command

from billing.errors import ProductNameTaken
from billing.packages.catalog_sync import sync_package
from billing.packages.models import Package
from tests.billing.calling import stripe_posts
from tests.support.builders import PackageFactory, UserFactory, start
from tests.support.sandbox import Sandbox

pytestmark = pytest.mark.django_db(transaction=True)
CATALOG = """
[[package]]
code = "starter"
name = "Starter Pack"
credits = 1000
price = "10.00"
stripe_product_id = "{product}"
stripe_price_id = "{price}"
"""


@pytest.fixture(autouse=True)
def _held(sandbox: Sandbox) -> None:
    sandbox.hold_webhooks()


@pytest.fixture
def api(sandbox: Sandbox) -> stripe.StripeClient:
    return stripe.StripeClient(settings.STRIPE_SECRET_KEY, base_addresses={"api": sandbox.url})


class Sold:
    """A product that an older system sold, with prices of $9.00, $10.00 and $10.00 again."""

    def __init__(self, api: stripe.StripeClient, name: str = "Starter Pack", **metadata: str) -> None:
        self.product = api.v1.products.create({"name": name, "metadata": {"sku": "7", **metadata}}).id
        self.prices = [
            api.v1.prices.create({"product": self.product, "currency": "usd", "unit_amount": amount}).id
            for amount in (900, 1000, 1000)
        ]


@pytest.fixture
def sold(api: stripe.StripeClient) -> Sold:
    return Sold(api)


def load(tmp_path: Path, product: str, price: str = "", **options: Any) -> str:
    file = tmp_path / "catalog.toml"
    text = CATALOG.format(product=product, price=price)
    file.write_text(text if price else text.replace('stripe_price_id = ""', ""))
    out = StringIO()
    call_command("load_catalog", str(file), stdout=out, **options)
    return out.getvalue()


def sync(*options: str) -> list[str]:
    out = StringIO()
    call_command("sync_catalog", *options, stdout=out)
    return out.getvalue().splitlines()


def refused(*options: str) -> list[str]:
    """What a sync says that ends with an error."""
    out = StringIO()
    with pytest.raises(CommandError):
        call_command("sync_catalog", *options, stdout=out)
    return out.getvalue().splitlines()


def answered(monkeypatch: pytest.MonkeyPatch, *answers: str) -> list[str]:
    monkeypatch.setattr("sys.stdin", StringIO("".join(f"{answer}\n" for answer in answers)))
    return sync("--adopt")


def starter() -> Package:
    return Package.objects.get(code="starter")


def product_at(sandbox: Sandbox, product_id: str) -> dict[str, Any]:
    return next(product for product in sandbox.objects("product") if product["id"] == product_id)


def on_sale(sandbox: Sandbox) -> set[str]:
    return {price["id"] for price in sandbox.objects("price") if price["active"]}


# --- By the id that is given --------------------------------------------------------------------------------------


def test_a_product_and_price_of_the_catalogue_are_taken_over_and_none_is_made(
    sandbox: Sandbox, sold: Sold, tmp_path: Path
) -> None:
    load(tmp_path, sold.product, sold.prices[1])
    said = sync()

    assert said[:2] == [
        f"Adopted product {sold.product} for Starter Pack.",
        f"Updated product {sold.product} for Starter Pack.",
    ]
    assert (starter().stripe_product_id, starter().current_price_id) == (sold.product, sold.prices[1])
    assert product_at(sandbox, sold.product)["metadata"] == {"sku": "7", "package_code": "starter"}
    assert len(sandbox.objects("product")) == 1
    assert on_sale(sandbox) == {sold.prices[1]}
    assert sync()[0] == "Starter Pack is already in sync."


def test_without_a_price_one_of_the_same_amount_is_used(sandbox: Sandbox, sold: Sold, tmp_path: Path) -> None:
    load(tmp_path, sold.product)
    sync()

    assert starter().current_price_id in sold.prices[1:]
    assert len(sandbox.objects("price")) == 3


def test_a_package_that_has_another_product_is_moved_and_loading_again_changes_nothing(
    sandbox: Sandbox, sold: Sold, tmp_path: Path
) -> None:
    PackageFactory(code="starter", name="Starter", price_minor=1000)
    sync()
    load(tmp_path, sold.product, sold.prices[1])
    sync()
    before = Package.objects.values().get()

    assert before["stripe_product_id"] == sold.product
    assert load(tmp_path, sold.product, sold.prices[1]).startswith("unchanged ")
    assert Package.objects.values().get() == before


def test_looking_says_that_it_is_not_taken_over_yet(sold: Sold, tmp_path: Path) -> None:
    load(tmp_path, sold.product)

    assert f"starter       product {sold.product} is not adopted yet" in sync("--dry-run")


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (("prod_nothing", ""), "Stripe has no product prod_nothing. Correct stripe_product_id"),
        (("{product}", "price_nothing"), "price_nothing is not a one-time price in Stripe"),
        (("{product}", "{nine}"), "has another amount or currency in Stripe than $10.00"),
        (("{product}", "{archived}"), "is archived in Stripe"),
        (("{product}", "{others}"), "not of {product}"),
    ],
)
def test_ids_that_do_not_fit_are_told_nothing_is_done_and_the_others_are_synced(
    sandbox: Sandbox,
    api: stripe.StripeClient,
    sold: Sold,
    tmp_path: Path,
    given: tuple[str, str],
    reason: str,
) -> None:
    names = {
        "product": sold.product, "nine": sold.prices[0], "archived": sold.prices[2],
        "others": Sold(api, "Other").prices[1],
    }  # fmt: skip
    api.v1.prices.update(sold.prices[2], {"active": False})
    load(tmp_path, *(text.format(**names) for text in given))
    PackageFactory(code="pro", name="Pro Pack", display_order=2)
    before = product_at(sandbox, sold.product)
    said = refused()

    assert said[0].startswith("Starter Pack was not synced. ")
    assert reason.format(**names) in said[0]
    assert said[1].startswith("Created product prod_")
    assert said[-1].startswith("1 packages are in sync.")
    assert (product_at(sandbox, sold.product), starter().awaits_adoption) == (before, True)


def test_a_buyer_can_buy_before_a_given_id_is_confirmed(sandbox: Sandbox, tmp_path: Path) -> None:
    load(tmp_path, "prod_nothing", "price_nothing")

    assert start(UserFactory()).checkout_url.startswith(sandbox.url)


def test_a_product_that_another_package_has_is_refused(sold: Sold, tmp_path: Path) -> None:
    PackageFactory(code="pro", stripe_product_id=sold.product)

    with pytest.raises(CommandError, match=rf"starter: pro already uses the Stripe product {sold.product}\."):
        load(tmp_path, sold.product, keep_others=True)
    assert not Package.objects.filter(code="starter").exists()


# --- By metadata, by name -----------------------------------------------------------------------------------------


def test_a_product_that_carries_the_code_is_taken_over_whatever_its_name(
    sandbox: Sandbox, api: stripe.StripeClient
) -> None:
    carrying = Sold(api, "Anfang", package_code="starter")
    PackageFactory(code="starter", name="Starter Pack", price_minor=1000)

    assert sync()[0] == f"Found product {carrying.product} for Starter Pack."
    assert product_at(sandbox, carrying.product)["name"] == "Starter Pack"


def test_a_product_that_carries_the_code_and_is_another_packages_stays_there(
    sandbox: Sandbox, api: stripe.StripeClient
) -> None:
    carrying = Sold(api, "Both", package_code="starter")
    PackageFactory(code="pro", name="Pro Pack", stripe_product_id=carrying.product, display_order=1)
    PackageFactory(code="starter", name="Starter Pack", display_order=2)
    sync()

    assert starter().stripe_product_id != carrying.product
    assert product_at(sandbox, carrying.product)["metadata"]["package_code"] == "pro"


@pytest.mark.parametrize("name", ["Starter Pack", "starter pack "])
def test_a_product_of_the_same_name_is_neither_taken_nor_doubled_without_a_word(
    sandbox: Sandbox, api: stripe.StripeClient, name: str
) -> None:
    product = Sold(api, name).product
    PackageFactory(code="starter", name="Starter Pack")
    sandbox.delete("/_sandbox/requests")

    assert "To use it, run sync_catalog --adopt" in refused()[0]
    with pytest.raises(ProductNameTaken):
        sync_package(starter())
    assert stripe_posts(sandbox) == []
    assert f"({product} has its name; use --adopt)" in sync("--dry-run")[0]


def test_whoever_is_asked_and_agrees_takes_it_over(
    sandbox: Sandbox, sold: Sold, monkeypatch: pytest.MonkeyPatch
) -> None:
    PackageFactory(code="starter", name="Starter Pack", price_minor=1000)
    said = answered(monkeypatch, "y")

    asked = f"Stripe has a product “Starter Pack” ({sold.product}). Use it for starter?"
    assert said[0].startswith(f"{asked} Its prices other than $10.00 will be archived. [y/N] Adopted product")
    assert starter().stripe_product_id == sold.product
    assert len(sandbox.objects("product")) == 1


def test_whoever_is_asked_and_declines_gets_another(
    sandbox: Sandbox, sold: Sold, monkeypatch: pytest.MonkeyPatch
) -> None:
    PackageFactory(code="starter", name="Starter Pack", price_minor=1000)
    answered(monkeypatch, "n")

    assert starter().stripe_product_id not in {"", sold.product}
    assert product_at(sandbox, sold.product)["metadata"] == {"sku": "7"}


def test_with_yes_nobody_is_asked(sold: Sold) -> None:
    PackageFactory(code="starter", name="Starter Pack", price_minor=1000)

    assert sync("--adopt", "--yes")[0].endswith("Use it for starter? Yes.")
    assert starter().stripe_product_id == sold.product


@pytest.mark.usefixtures("sold")
def test_where_nobody_can_answer_nothing_is_decided(monkeypatch: pytest.MonkeyPatch) -> None:
    PackageFactory(code="starter", name="Starter Pack", price_minor=1000)

    with pytest.raises(CommandError, match="No answer"):
        answered(monkeypatch)
    assert starter().stripe_product_id == ""


# --- Looking before loading ---------------------------------------------------------------------------------------


def test_a_dry_run_of_loading_tells_and_changes_nothing(tmp_path: Path) -> None:
    PackageFactory(code="pro", name="Pro Pack")
    before = list(Package.objects.values())
    said = load(tmp_path, "prod_1", dry_run=True).splitlines()

    assert [line.split()[:2] for line in said[:2]] == [["created", "starter"], ["retired", "pro"]]
    assert said[-1] == "2 packages. Nothing was changed."
    assert list(Package.objects.values()) == before
