"""A struck price is one that was asked: a history of prices is kept, and a sale strikes the lowest of 30 days."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import call_command
from django.db import ProgrammingError, connection, transaction
from django.test import Client
from django.utils import timezone

from billing.checkout.terms import current_terms, struck_prices
from billing.discounts.models import Sale, SaleVersion
from billing.packages.models import AskedPrice, Package, PackagePrice
from tests.admin.forms import form_of
from tests.admin.pages import page_of
from tests.billing.calling import API, browser_of
from tests.discounts.making import make_code, make_sale
from tests.support.builders import CATALOGS, PackageFactory, UserFactory

pytestmark = pytest.mark.django_db(transaction=True)
DAY = timedelta(days=1)


@pytest.fixture
def pack() -> Package:
    package: Package = PackageFactory.create(code="starter", name="Starter Pack")
    return package


def history(currency: str = "usd") -> list[int | None]:
    rows = AskedPrice.objects.filter(package_id="starter", currency=currency).order_by("id")
    return list(rows.values_list("price_minor", flat=True))


def was(model: type[AskedPrice] | type[SaleVersion], days_ago: float) -> None:
    """As if the newest row were this old, with the guards off."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        newest = model._default_manager.latest("id")
        model._default_manager.filter(pk=newest.pk).update(since=timezone.now() - days_ago * DAY)


def ask(minor: int, days_ago: float) -> None:
    """Ask this price since so many days ago."""
    Package.objects.filter(code="starter").update(price_minor=minor, is_active=True)
    was(AskedPrice, days_ago)


def on_sale(percent: int, begin: float, end: float = -1) -> Sale:
    """Make a sale from so many days ago to so many days ago, as if staff had written it when it began."""
    now = timezone.now()
    sale = make_sale(percent, starts_at=now - begin * DAY, ends_at=now - end * DAY)
    was(SaleVersion, begin)
    return sale


def struck() -> int | None:
    package = Package.objects.get(code="starter")
    found = struck_prices(current_terms([package]).values()).get(package.pk)
    return found.minor if found else None


# --- The history ------------------------------------------------------------------------------------------------------


def by_save(package: Package, tmp_path: Any) -> None:
    package.price_minor = 1200
    package.save()


def by_sql(package: Package, tmp_path: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute("UPDATE packages_package SET price_minor = 1200 WHERE code = 'starter'")


def by_catalogue(package: Package, tmp_path: Any) -> None:
    file = tmp_path / "dearer.toml"
    file.write_text((CATALOGS / "standard.toml").read_text().replace('price = "10.00"', 'price = "12.00"', 1))
    call_command("load_catalog", str(file), verbosity=0)


def by_staff(package: Package, tmp_path: Any) -> None:
    client = Client()
    client.force_login(UserFactory(is_staff=True, is_superuser=True))
    answer = client.post(page_of(package), form_of(package, price="12.00"))
    assert answer.status_code == 302, answer.content.decode()
    assert "$10.00" in client.get(page_of(package)).content.decode()


@pytest.mark.parametrize("change", [by_save, by_sql, by_catalogue, by_staff])
def test_whoever_changes_a_price_leaves_the_old_one(
    pack: Package, change: Callable[[Package, Any], None], tmp_path: Any
) -> None:
    change(pack, tmp_path)
    assert history() == [1000, 1200]
    pack.refresh_from_db()
    pack.name = "Another name"
    pack.save()
    assert history() == [1000, 1200], "nothing else makes a row"


def test_a_price_in_another_currency_and_being_on_sale_count_too(pack: Package) -> None:
    price = PackagePrice.objects.create(package=pack, currency="eur", price_minor=900)
    PackagePrice.objects.filter(pk=price.pk).update(price_minor=800)
    Package.objects.filter(pk=pack.pk).update(is_active=False)
    PackagePrice.objects.filter(pk=price.pk).update(price_minor=850)
    assert (history(), history("eur")) == ([1000, None], [900, 800, None])
    Package.objects.filter(pk=pack.pk).update(is_active=True)
    price.delete()
    pack.refresh_from_db()
    pack.delete()
    assert (history(), history("eur")) == ([1000, None, 1000, None], [900, 800, None, 850, None])


def test_what_nobody_could_see_was_not_asked_and_what_was_stays(pack: Package) -> None:
    with transaction.atomic():
        Package.objects.filter(pk=pack.pk).update(price_minor=100)
        Package.objects.filter(pk=pack.pk).update(price_minor=1100)
    assert history() == [1000, 1100]
    make_sale()
    for table in ("packages_askedprice", "discounts_saleversion"):
        for change in ("UPDATE {} SET since = now()", "DELETE FROM {}", "TRUNCATE {}"):
            with pytest.raises(ProgrammingError, match="Cannot"), connection.cursor() as cursor:
                cursor.execute(change.format(table))


# --- What is struck ---------------------------------------------------------------------------------------------------


def test_a_sale_strikes_the_lowest_price_of_the_30_days_before_it(pack: Package, settings: Any) -> None:
    settings.STRUCK_PRICE_DAYS = 30
    was(AskedPrice, 10)
    sale = on_sale(10, begin=1)
    assert struck() is None, "not on sale for 30 days yet"
    was(AskedPrice, 90)
    assert struck() == 1000
    Sale.objects.filter(pk=sale.pk).update(percent=50)
    assert struck() == 1000, "it goes on, and takes off more"
    Package.objects.update(is_active=False)
    assert struck() == 1000


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ([(1000, 90), (2000, 2)], None),  # raised the day before: 1,800 isn't below 1,000
        ([(1000, 90), (2000, 40)], 2000),
        ([(2000, 90), (1900, 20), (2000, 10)], 1900),  # 1,900 in between
        ([(2000, 90), (1700, 20), (2000, 10)], None),
        ([(2000, 90), (1900, 0.5)], 2000),  # lowered since: 1,710 beside what was asked before
    ],
)
def test_a_price_counts_only_where_it_was_asked_and_when(
    pack: Package, asked: list[tuple[int, float]], expected: int | None
) -> None:
    for minor, days_ago in asked:
        ask(minor, days_ago)
    on_sale(10, begin=1)
    assert struck() == expected


def test_an_earlier_sale_asked_its_price_even_if_it_was_changed_or_switched_off(pack: Package) -> None:
    ask(2000, 90)
    earlier = on_sale(20, begin=10, end=1)
    current = on_sale(20, begin=1)
    assert struck() is None, "the same price once more"
    Sale.objects.filter(pk=current.pk).update(percent=30)
    assert struck() == 1600, "what the sale before asked"
    Sale.objects.filter(pk=earlier.pk).update(is_active=False)
    was(SaleVersion, 5)
    assert struck() == 1600
    earlier.delete()
    assert struck() == 1600
    Package.objects.update(price_minor=3000)
    assert struck() is None, "dearer in the sale than before it"


def test_a_sale_for_other_packages_or_in_another_currency_says_nothing(pack: Package) -> None:
    ask(2000, 90)
    other = PackageFactory.create(code="other", price_minor=500)
    earlier = on_sale(50, begin=10, end=1)
    earlier.packages.add(other)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        SaleVersion.objects.filter(packages=[]).delete()
        SaleVersion.objects.update(since=timezone.now() - 10 * DAY)
    PackagePrice.objects.create(package=pack, currency="eur", price_minor=100)
    on_sale(10, begin=1)
    assert struck() == 2000


def test_shop_and_api_strike_what_was_asked_and_nothing_else(pack: Package) -> None:
    was(AskedPrice, 90)
    PackageFactory.create(code="large", name="Large", credits=2000, price_minor=1500, display_order=1)
    was(AskedPrice, 90)
    browser = browser_of(UserFactory())
    shop = browser.get("/credits/").content.decode()
    assert ("<s>" in shop, "25% less per credit than Starter Pack" in shop) == (False, True)
    ask(2000, 40)
    on_sale(10, begin=1)
    shop = browser.get("/credits/").content.decode()
    assert ("</span> $20.00</s>" in shop, "Save 10%" in shop) == (True, True)
    assert [each["struck_price"] for each in browser.get(f"{API}packages").json()] == [20.0, 15.0]
    Package.objects.filter(pk=pack.pk).update(price_minor=2400)
    ((starter, _large), shop) = (
        browser.get(f"{API}packages").json(),
        browser.get("/credits/").content.decode(),
    )
    assert (starter["price"], starter["regular_price"], starter["struck_price"]) == (21.6, 24.0, None)
    assert (shop.count("Spring sale, until"), shop.count("<s>")) == (2, 1)
    make_code(percent=50)
    shop = browser.get("/credits/?code=spring-20").content.decode()
    assert ("$12.00" in shop, "</span> $21.60</s>" in shop) == (True, True), "what those without it pay"
