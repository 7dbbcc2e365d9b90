"""POST purchase: an order that is not acceptable is refused before anything is written or Stripe is called."""

from __future__ import annotations

from typing import Any

import pytest

from accounts.models import User
from billing.purchases.models import Purchase
from tests.billing.calling import API, assert_problem, browser_of, post_json
from tests.support.builders import PackageFactory, UserFactory, put_on_sale

pytestmark = pytest.mark.django_db
ORDER = {"package_code": "standard"}


@pytest.fixture(autouse=True)
def _shop(settings: Any) -> None:
    settings.STRIPE_API_BASE = "http://127.0.0.1:9"  # nobody: a call would be a 502
    put_on_sale()


@pytest.fixture
def user() -> User:
    buyer: User = UserFactory()
    return buyer


def buy(user: User, body: Any = ORDER, **headers: str) -> Any:
    return post_json(browser_of(user), "purchase", body, **headers)


@pytest.mark.parametrize("code", ["nothing", "retired", "STANDARD", "' OR 1=1 --"])
def test_an_unknown_or_inactive_package_is_a_404_and_leaves_nothing(user: User, code: str) -> None:
    PackageFactory(code="retired", is_active=False)

    assert_problem(buy(user, {"package_code": code}), 404, "unknown_package")
    assert Purchase.objects.count() == 0


@pytest.mark.parametrize("field", ["success_url", "cancel_url"])
@pytest.mark.parametrize(
    "url",
    [
        "//evil.example",
        "https://evil.example",
        "http://testserver@evil.example",
        "http:\\\\evil.example",
        "javascript:alert(1)",
        "http://testserver:81/",
        "/credits/success",
        "data:text/html,x",
    ],
)
def test_an_address_elsewhere_is_a_400_and_leaves_nothing(
    user: User, settings: Any, field: str, url: str
) -> None:
    settings.SITE_URL = "http://testserver"

    assert_problem(buy(user, {**ORDER, field: url}), 400, "return_url_not_allowed")
    assert Purchase.objects.count() == 0


@pytest.mark.parametrize(
    ("body", "wrong"),
    [
        ({}, ["package_code"]),
        ({"package_code": ""}, ["package_code"]),
        ({"package_code": None}, ["package_code"]),
        ({"package_code": ["standard"]}, ["package_code"]),
        ({"package_code": "x" * 51}, ["package_code"]),
        ({"package_code": "a\x00b"}, ["package_code"]),
        ({"package_code": "\ud800"}, ["package_code"]),
        ({**ORDER, "success_url": "x" * 2001}, ["success_url"]),
        ({**ORDER, "cancel_url": 5.5, "success_url": {}}, ["success_url"]),
        ([], ["non_field_errors"]),
        ("standard", ["non_field_errors"]),
        (None, ["non_field_errors"]),
    ],
)
def test_a_wrong_body_is_a_400_that_names_the_field(user: User, body: Any, wrong: list[str]) -> None:
    problem = assert_problem(buy(user, body), 400, "invalid_request")

    assert [error["attr"] for error in problem["errors"]] == wrong
    assert Purchase.objects.count() == 0


@pytest.mark.parametrize(
    "body", ["{package_code:", '{"package_code": ' + "[" * 100 + "]" * 100 + "}", '{"a":' * 100_000]
)
def test_a_body_that_is_no_json_or_nested_too_deep_is_a_400(user: User, body: str) -> None:
    answer = browser_of(user).post(f"{API}purchase", body, content_type="application/json")

    assert_problem(answer, 400, "parse_error")


def test_a_body_that_is_no_json_by_its_own_word_is_a_415(user: User) -> None:
    assert_problem(browser_of(user).post(f"{API}purchase", ORDER), 415, "unsupported_media_type")


@pytest.mark.parametrize("key", ["x" * 256, "tab\there", "bell\x07"])
def test_a_key_too_long_or_unprintable_is_a_400(user: User, key: str) -> None:
    assert_problem(buy(user, Idempotency_Key=key), 400, "invalid_idempotency_key")
    assert Purchase.objects.count() == 0
