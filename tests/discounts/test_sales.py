"""A sale lowers what packages cost for some time, in shop, API and checkout, and leaves their prices as they are."""

from __future__ import annotations

import pytest
from django.core.exceptions import ValidationError
from django.utils import timezone

from accounts.models import User
from billing.discounts.models import CodeAmount, Sale
from billing.discounts.sales import sales_now
from billing.packages.models import Package
from tests.billing.calling import API, assert_problem, browser_of, post_json
from tests.discounts.making import HOUR, buy, make_code, make_sale
from tests.support.builders import UserFactory, put_on_sale
from tests.support.sandbox import Sandbox

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def ada(sandbox: Sandbox) -> User:
    put_on_sale()
    user: User = UserFactory(email="ada@example.com")
    return user


def test_a_sale_is_a_window_and_the_best_one_counts(ada: User) -> None:
    starter, standard = (Package.objects.get(code=code) for code in ("starter", "standard"))
    make_sale(50, starts_at=timezone.now() + HOUR, ends_at=timezone.now() + 2 * HOUR)
    make_sale(60, starts_at=timezone.now() - 2 * HOUR, ends_at=timezone.now() - HOUR)
    make_sale(40, is_active=False)
    assert sales_now([starter, standard]) == {}
    all_of_them, starters = make_sale(10), make_sale(30)
    starters.packages.add(starter)
    assert sales_now([starter, standard]) == {starter.pk: starters, standard.pk: all_of_them}


def test_a_purchase_in_a_sale_remembers_it(sandbox: Sandbox, ada: User) -> None:
    make_sale(25)
    purchase = buy(ada, "").purchase
    assert (purchase.price_minor, purchase.sale_name, purchase.sale_minor) == (750, "Spring sale", 250)
    (session,) = sandbox.objects("checkout.session")
    assert session["amount_total"] == 750
    assert Package.objects.get(code="starter").price_minor == 1000
    Sale.objects.update(percent=99)  # eight cents couldn't be charged
    assert buy(ada, "").purchase.sale_name == ""


def test_the_api_tells_prices_in_a_sale_and_prices_an_order(ada: User) -> None:
    browser = browser_of(ada)
    sale = make_sale(10)
    (first, *_rest) = browser.get(f"{API}packages").json()
    assert (first["price"], first["regular_price"], first["price_usd"]) == (9.0, 10.0, 9.0)
    assert first["sale_ends_at"] == sale.ends_at.isoformat().replace("+00:00", "Z")
    make_code()
    body = {"package_code": "starter", "quantity": 2, "discount_code": "spring-20"}
    quoted = post_json(browser, "quote", body).json()
    assert quoted == {
        "list": 20.0, "discount": 4.0, "bonus_credits": 0, "tax": 0.0, "tax_calculated": "never", "total": 16.0,
        "currency": "usd", "credits": 2000, "sale": "", "multi_buy": "",
    }  # fmt: skip
    assert post_json(browser, "quote", {"package_code": "starter"}).json()["sale"] == "Spring sale"
    answer = post_json(browser, "purchase", {**body, "price": "16.00"})
    assert answer.status_code == 201, answer.content
    assert_problem(post_json(browser, "quote", body), 409, "code_used_up")
    for wrong in ("NOPE", "ÄÖÜ"):
        assert_problem(post_json(browser, "quote", {**body, "discount_code": wrong}), 409, "code_unknown")
    assert_problem(post_json(browser, "quote", {**body, "quantity": 0}), 400, "invalid_request")
    assert_problem(
        post_json(browser, "quote", {"amount": "5", "currency": "usd", "quantity": 2}), 400, "invalid_request"
    )


def test_the_shop_shows_the_old_price_the_new_one_and_until_when(ada: User) -> None:
    browser = browser_of(ada)
    make_sale(10)
    shop = browser.get("/credits/").content.decode()
    assert ("Spring sale, until" in shop, "$9.00" in shop, 'value="9.00"' in shop) == (True, True, True)
    assert ("</span> $10.00</s>" in shop, "Save 10%" in shop) == (True, True)


def test_a_code_is_entered_in_the_shop_and_bought_with(sandbox: Sandbox, ada: User) -> None:
    browser = browser_of(ada)
    code = make_code()
    shop = browser.get("/credits/", {"code": "spring-20"}).content.decode()
    assert ("With the code SPRING-20" in shop, 'value="8.00"' in shop) == (True, True)
    form = {
        "package_code": "starter",
        "price": "8.00",
        "currency": "usd",
        "code": "SPRING-20",
        "shown_for": "personal",
    }
    answer = browser.post("/credits/buy", form)
    assert (answer.status_code, code.live_uses.count()) == (303, 1)
    again = browser.post("/credits/buy", form, follow=True).content.decode()
    assert "open checkout with this code" in again
    refused = browser.get("/credits/", {"code": "NOPE"}).content.decode()
    assert ("We don’t know this code." in refused, 'value="10.00"' in refused) == (True, True)
    code.packages.add(Package.objects.get(code="standard"))
    other = browser_of(UserFactory()).get("/credits/", {"code": "spring-20"}).content.decode()
    assert "isn’t for this package" in other


def test_a_sale_that_rounds_to_nothing_is_none(ada: User) -> None:
    Package.objects.filter(code="starter").update(price_minor=100)
    Sale.objects.filter(pk=make_sale(1).pk).update(percent="0.40")
    purchase = buy(ada, "").purchase
    assert (purchase.price_minor, purchase.sale_name) == (100, "")


def test_a_code_takes_off_what_stripe_can_charge(ada: User) -> None:
    with pytest.raises(ValidationError, match="two decimal places"):
        CodeAmount(discount_code=make_code(percent=None), currency="kwd", amount_minor=505).full_clean()
