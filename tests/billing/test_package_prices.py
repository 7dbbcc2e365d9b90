"""A package may have prices in further currencies: each is set by hand, and a buyer pays in the one they chose."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import User
from billing.errors import CatalogError
from billing.packages.catalog import load_catalog
from billing.packages.catalog_file import read_catalog
from billing.packages.models import Package, PackagePrice
from billing.purchases.models import Purchase
from credits.ledger.models import Lot
from tests.billing.calling import API, assert_problem, browser_of, post_json
from tests.billing.reporting import reconcile_now
from tests.billing.syncing import sync
from tests.discounts.making import buy, make_amount, make_code, make_sale
from tests.support.builders import UserFactory, put_on_sale
from tests.support.sandbox import Sandbox
from tests.support.signing_in import sign_in

pytestmark = pytest.mark.django_db(transaction=True)
FILE = """\
currency = "usd"
[[package]]
code = "starter"
name = "Starter"
credits = 1000
price = "10.00"
prices = { eur = "9.00", jpy = 1500, kwd = "3.10" }
[[package]]
code = "big"
name = "Big"
credits = 5000
price = "45.00"
"""


def load(path: Path, text: str = FILE) -> list[str]:
    file = path / "catalog.toml"
    file.write_text(text)
    return [each.outcome for each in load_catalog(read_catalog(file))]


@pytest.fixture
def ada(tmp_path: Path, sandbox: Sandbox) -> User:
    load(tmp_path)
    user: User = UserFactory(email="ada@example.com")
    return user


def test_the_catalogue_file_sets_prices_and_takes_them_away(tmp_path: Path, db: None) -> None:
    assert load(tmp_path) == ["created", "created"]
    assert load(tmp_path) == ["unchanged", "unchanged"]
    prices = PackagePrice.objects.values_list("currency", "price_minor")
    assert set(prices) == {("eur", 900), ("jpy", 1500), ("kwd", 3100)}
    assert load(tmp_path, FILE.replace('eur = "9.00", ', "")) == ["updated", "unchanged"]
    assert PackagePrice.objects.count() == 2


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ('usd = "9.00"', "usd: is not another currency"),
        ('xyz = "9.00"', "xyz: is not another currency"),
        ('eur = "9.001"', "eur: "),
        ("eur = 0", "eur: 0 is not above zero"),
        ('eur = "0.10"', "Stripe’s minimum"),
        ('eur = "nine"', "eur: "),
    ],
)
def test_a_mistake_in_a_price_is_named_with_its_line(tmp_path: Path, db: None, wrong: str, said: str) -> None:
    with pytest.raises(CatalogError) as refused:
        load(tmp_path, FILE.replace('eur = "9.00"', wrong))
    assert "line 7: prices: " in str(refused.value)
    assert said in str(refused.value)


def test_a_buyer_pays_in_the_currency_they_chose(sandbox: Sandbox, ada: User) -> None:
    sync()  # the product at Stripe has a price in its own currency only
    started = buy(ada, "", currency="eur")
    (session,) = sandbox.objects("checkout.session")
    assert (session["amount_total"], session["currency"]) == (900, "eur")
    sandbox.pay(started.session_id)
    sandbox.wait_for_webhooks()
    lot = Lot.objects.get()
    assert (lot.cost_minor, lot.currency, Purchase.objects.get().status) == (900, "eur", "completed")
    assert reconcile_now().open == []
    assert buy(ada, "", currency="jpy").purchase.price_minor == 1500
    assert buy(ada, "").purchase.currency == "usd"


def test_sales_and_codes_go_by_the_currency(ada: User) -> None:
    make_sale(10)
    code = make_code(percent=None, once_per_buyer=False)
    make_amount(code, 200, currency="eur")
    assert buy(ada, "", currency="kwd").purchase.price_minor == 2790
    assert buy(ada, currency="eur").purchase.price_minor == 700
    Package.objects.get(code="starter").prices.get(currency="eur").delete()


def test_the_api_lists_and_prices_a_currency(ada: User) -> None:
    browser = browser_of(ada)
    (only,) = browser.get(f"{API}packages?currency=EUR").json()
    assert (only["package_code"], only["price"], only["currency"], only["price_usd"]) == (
        "starter",
        9.0,
        "eur",
        None,
    )
    assert [each["currency"] for each in browser.get(f"{API}packages").json()] == ["usd", "usd"]
    quoted = post_json(browser, "quote", {"package_code": "starter", "currency": "eur"}).json()
    assert (quoted["total"], quoted["currency"]) == (9.0, "eur")
    # There is no price in euros: what there is instead is no surprise.
    assert_problem(
        post_json(browser, "purchase", {"package_code": "big", "currency": "eur"}), 409, "offer_changed"
    )


def test_the_shop_offers_a_choice_and_remembers_it(sandbox: Sandbox, ada: User) -> None:
    browser = browser_of(ada)
    shop = browser.get("/credits/").content.decode()
    assert ("currency=eur" in shop, "$10.00" in shop, "€9.00" in shop) == (True, True, False)
    euros = browser.get("/credits/?currency=eur").content.decode()
    # What has no price in euros keeps its own.
    assert ("€9.00" in euros, "$45.00" in euros, 'value="eur"' in euros) == (True, True, True)
    assert "€9.00" in browser.get("/credits/").content.decode()
    form = {"package_code": "starter", "price": "9.00", "currency": "eur", "shown_for": "personal"}
    assert browser.post("/credits/buy", form).status_code == 303
    assert Purchase.objects.get().currency == "eur"
    assert "€9.00" in browser_of(ada).get("/credits/").content.decode()  # as the last purchase


def test_one_currency_leaves_no_choice(db: None) -> None:
    put_on_sale()
    assert 'class="currencies"' not in browser_of(UserFactory()).get("/credits/").content.decode()


def test_staff_edit_prices_beside_the_package(admin_user: User, db: None) -> None:
    put_on_sale()
    boss, package = sign_in(admin_user), Package.objects.get(code="starter")
    address = reverse("admin:packages_package_change", args=[package.pk])
    form: dict[str, Any] = {
        "name": "Starter", "credits": "1000", "price": "10.00", "currency": "usd", "is_active": "on",
        "display_order": "1", "bonus_credits": "0", "prices-TOTAL_FORMS": "1", "prices-INITIAL_FORMS": "0",
        "asked_prices-TOTAL_FORMS": "0", "asked_prices-INITIAL_FORMS": "0",
        "prices-0-currency": "eur", "prices-0-price": "9.00",
    }  # fmt: skip
    assert _said(boss, address, {**form, "prices-0-price": "0.10"}, "Stripe’s minimum")
    assert _said(boss, address, {**form, "prices-0-currency": "usd"}, "own currency")
    assert boss.post(address, form).status_code == 302
    assert package.prices.values_list("currency", "price_minor").get() == ("eur", 900)


def _said(boss: Client, address: str, form: dict[str, Any], text: str) -> bool:
    answer: Any = boss.post(address, form)
    assert answer.status_code == 200
    return text in answer.content.decode()
