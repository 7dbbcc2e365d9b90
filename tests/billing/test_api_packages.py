"""GET packages: what is on sale, in one query, as JSON numbers."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from billing.packages.models import Package
from tests.billing.calling import API, assert_problem, browser_of
from tests.support.builders import PackageFactory, UserFactory, put_on_sale

pytestmark = pytest.mark.django_db


def test_the_list_is_the_shop_window_in_its_order_and_shape() -> None:
    put_on_sale()
    Package.objects.filter(code="pro").update(stripe_product_id="prod_1", stripe_price_id="price_1")
    answer = browser_of(UserFactory()).get(f"{API}packages")

    assert (answer.status_code, answer["Content-Type"]) == (200, "application/json")
    assert [package["package_code"] for package in answer.json()] == [
        "starter",
        "standard",
        "pro",
        "enterprise",
    ]
    pro = answer.json()[2]
    assert pro == {
        "id": Package.objects.get(code="pro").pk,
        "package_code": "pro",
        "package_name": "Pro Pack",
        "description": "For teams that use it every day.",
        "credits": 10000,
        "bonus_credits": 0,
        "bonus_validity_days": None,
        "price": 80.0,
        "regular_price": 80.0,
        "struck_price": None,
        "sale_ends_at": None,
        "currency": "usd",
        "price_usd": 80.0,
        "discount_percentage": 20,
        "is_active": True,
        "is_popular": True,
        "badge": "popular",
        "display_order": 3,
        "validity_days": None,
        "repeatable": False,
        "stripe_price_id": "price_1",
        "stripe_product_id": "prod_1",
    }
    assert [type(pro[name]) for name in ("credits", "price", "discount_percentage")] == [int, float, int]


def test_the_list_takes_a_query_for_packages_and_one_for_sales_besides_signing_in() -> None:
    put_on_sale("growth")
    client = browser_of(UserFactory())
    with CaptureQueriesContext(connection) as queries:
        assert len(client.get(f"{API}packages").json()) == 5

    tables = ("packages_package", "discounts_sale")
    read = [query["sql"] for query in queries if any(table in query["sql"] for table in tables)]
    signing_in = [query["sql"] for query in queries if query["sql"] not in read]
    assert len(read) == 2
    assert len(signing_in) == 2  # the session and its user
    assert all("django_session" in sql or "accounts_user" in sql for sql in signing_in)


@pytest.mark.parametrize(
    ("minor", "currency", "price", "price_usd"),
    [
        (1500, "jpy", 1500.0, None),
        (1500, "kwd", 1.5, None),
        (1999, "eur", 19.99, None),
        (1999, "usd", 19.99, 19.99),
    ],
)
def test_a_price_is_in_the_currencys_main_unit(
    minor: int, currency: str, price: float, price_usd: float | None
) -> None:
    PackageFactory(price_minor=minor, currency=currency)
    (package,) = browser_of(UserFactory()).get(f"{API}packages").json()

    assert (package["price"], package["price_usd"], package["currency"]) == (price, price_usd, currency)


def test_packages_off_sale_are_for_admins_only() -> None:
    PackageFactory(code="gone", is_active=False)
    address = f"{API}packages?include_inactive=true"

    assert browser_of(UserFactory()).get(f"{API}packages").json() == []
    assert_problem(browser_of(UserFactory()).get(address), 403, "permission_denied")
    assert_problem(browser_of(UserFactory(is_staff=True)).get(address), 403, "permission_denied")
    admin = browser_of(UserFactory(is_superuser=True)).get(address)
    assert [(package["package_code"], package["is_active"]) for package in admin.json()] == [("gone", False)]


def test_a_filter_that_is_neither_true_nor_false_is_a_400() -> None:
    problem = assert_problem(
        browser_of(UserFactory()).get(f"{API}packages?include_inactive=maybe"), 400, "invalid_request"
    )

    assert [error["attr"] for error in problem["errors"]] == ["include_inactive"]


@pytest.mark.parametrize("path", ["packages", "packages/"])
def test_the_address_answers_with_and_without_its_slash(path: str) -> None:
    assert browser_of(UserFactory()).get(API + path).status_code == 200


def read_only(answer: Any) -> set[str]:
    return set(answer["Allow"].replace(" ", "").split(","))


@pytest.mark.parametrize("path", ["packages", "session/cs_test_1", "history", "balance", "admin/purchases"])
def test_what_is_read_takes_no_post(path: str) -> None:
    answer = browser_of(UserFactory(is_superuser=True)).post(API + path)

    assert_problem(answer, 405, "method_not_allowed")
    assert read_only(answer) == {"GET", "HEAD", "OPTIONS"}
