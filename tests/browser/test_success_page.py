"""What a buyer is told on coming back from Stripe's page, at once or in the end."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from playwright.sync_api import Page, Response, expect

from accounts.models import User
from billing.pages import views
from billing.purchases.models import Purchase
from tests.browser.complaints import Complaints
from tests.browser.rows import make_purchase
from tests.browser.walking import (
    OpenPage,
    credits_of,
    expect_heading,
    expect_receipt,
    go_to_checkout,
    pay_by_bank,
    pay_by_card,
    session_of,
)
from tests.support.builders import UserFactory
from tests.support.sandbox import Sandbox

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

PROCESSING = "Processing your payment"


@pytest.fixture
def every_second(monkeypatch: pytest.MonkeyPatch) -> None:
    """The page looks once a second: half as long to wait for whoever runs the tests."""
    monkeypatch.setattr(views, "REFRESH_PAUSES", [(timedelta(days=1), 1)])


@pytest.mark.usefixtures("every_second")
@pytest.mark.parametrize(
    "javascript", [pytest.param(True, id="htmx"), pytest.param(False, id="meta_refresh")]
)
def test_a_delayed_payment_turns_to_success_by_itself(
    open_page: OpenPage, shop: Sandbox, buyer: User, javascript: bool
) -> None:
    page = open_page(buyer, java_script_enabled=javascript)
    go_to_checkout(page)
    pay_by_bank(page)
    expect_heading(page, PROCESSING)
    assert credits_of(buyer) == 0
    shop.settle(session_of(page))
    expect_heading(page, "5,000 credits added")
    expect(page).to_have_title(re.compile("Payment complete"))
    assert credits_of(buyer) == 5000


@pytest.mark.usefixtures("every_second")
def test_waiting_takes_no_focus_and_says_nothing_twice(
    open_page: OpenPage, shop: Sandbox, buyer: User
) -> None:
    page = open_page(buyer)
    go_to_checkout(page)
    pay_by_bank(page)
    link = page.get_by_role("link", name="View purchases")
    link.focus()
    page.evaluate(
        "window.changes = 0; new MutationObserver(() => window.changes++)"
        ".observe(document.querySelector('[aria-live=polite]'), {childList: true})"
    )
    for _ in range(2):
        with page.expect_response(is_success_page):
            pass
    page.wait_for_timeout(200)
    expect(link).to_be_focused()
    assert page.evaluate("window.changes") == 0

    shop.settle(session_of(page))
    expect_heading(page, "5,000 credits added")
    assert page.evaluate("window.changes") > 0  # the live region stayed, so the change is announced


@pytest.mark.usefixtures("every_second")
def test_a_settled_page_asks_no_more(open_page: OpenPage, shop: Sandbox, buyer: User) -> None:
    page = open_page(buyer)
    go_to_checkout(page)
    pay_by_bank(page)
    shop.settle(session_of(page))
    expect_heading(page, "5,000 credits added")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.wait_for_timeout(1500)
    assert asked == []


def is_success_page(response: Response) -> bool:
    return "/credits/success" in response.url


def test_reloading_and_a_second_tab_credit_once(open_page: OpenPage, shop: Sandbox, buyer: User) -> None:
    page = open_page(buyer)
    go_to_checkout(page)
    pay_by_card(page)
    expect_heading(page, "5,000 credits added")
    page.reload()
    second = page.context.new_page()
    second.goto(page.url)
    for tab in (page, second):
        expect_heading(tab, "5,000 credits added")
        expect_receipt(tab, "New balance", "5,000")
    assert credits_of(buyer) == 5000


def test_somebody_elses_session_is_not_there(open_page: OpenPage, shop: Sandbox, buyer: User) -> None:
    page = open_page(buyer)
    go_to_checkout(page)
    pay_by_card(page)
    expect_heading(page, "5,000 credits added")
    nosy = UserFactory.create()
    others = open_page(nosy)
    answer = others.goto(page.url)
    assert answer is not None
    assert answer.status == 404
    expect(others.locator("body")).not_to_contain_text("5,000")
    assert credits_of(nosy) == 0


@pytest.mark.usefixtures("every_second")
def test_a_delayed_payment_that_fails_says_that_nothing_was_credited(
    open_page: OpenPage, shop: Sandbox, buyer: User
) -> None:
    page = open_page(buyer)
    go_to_checkout(page)
    pay_by_bank(page)
    shop.fail(session_of(page))
    expect_heading(page, "Payment failed")
    expect(page.locator("main")).to_contain_text("no credits were added")
    assert credits_of(buyer) == 0


def test_an_expired_checkout_says_that_nothing_was_charged(
    open_page: OpenPage, shop: Sandbox, buyer: User
) -> None:
    page = open_page(buyer)
    session = go_to_checkout(page)
    shop.expire(session)
    page.goto(f"/credits/success?session_id={session}")
    expect_heading(page, "Checkout expired")
    expect(page.locator("main")).to_contain_text("You weren’t charged, and no credits were added")


def test_a_payment_of_another_amount_is_held_back_and_named_to_its_buyer(
    open_page: OpenPage, shop: Sandbox, buyer: User
) -> None:
    page = open_page(buyer)
    go_to_checkout(page)
    Purchase.objects.update(price_minor=4400)
    pay_by_card(page)
    expect_heading(page, "We’re reviewing your payment")
    expect(page.locator("main")).to_contain_text("need to review it")
    expect(page.locator("main")).to_contain_text(str(Purchase.objects.get().pk))
    assert credits_of(buyer) == 0
    expect(page.locator("[hx-get]")).to_have_count(0)


@pytest.mark.parametrize(("attention", "is_told"), [("paid_twice", True), ("return_currency", False)])
def test_a_second_payment_is_told_of_and_what_only_staff_have_to_settle_is_not(
    open_page: OpenPage, shop: Sandbox, buyer: User, attention: str, is_told: bool
) -> None:
    purchase = make_purchase(buyer, Purchase.Status.COMPLETED, attention)
    page = open_page(buyer)
    page.goto(f"/credits/success?session_id={purchase.stripe_session_id}")
    expect_heading(page, "5,000 credits added")
    told = page.get_by_text("We received a second payment for this purchase.")
    expect(told).to_have_count(1 if is_told else 0)


@pytest.mark.usefixtures("every_second")
def test_a_page_that_waits_while_its_reader_is_signed_out_leads_to_sign_in_and_back(
    open_page: OpenPage, shop: Sandbox, buyer: User, settings: Any
) -> None:
    page = open_page(buyer)
    go_to_checkout(page)
    pay_by_bank(page)
    expect_heading(page, PROCESSING)
    page.context.clear_cookies(name=settings.SESSION_COOKIE_NAME)
    page.wait_for_url("**/accounts/login/?next=/credits/success*")
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")


@pytest.mark.usefixtures("every_second")
def test_a_site_that_is_away_for_a_moment_is_asked_again(
    open_page: OpenPage, shop: Sandbox, buyer: User, complaints: Complaints
) -> None:
    page = open_page(buyer)
    go_to_checkout(page)
    pay_by_bank(page)
    page.route("**/credits/success*", lambda route: route.fulfill(status=503, body="away"), times=1)
    with page.expect_response(lambda response: is_success_page(response) and response.status == 503):
        pass
    shop.settle(session_of(page))
    expect_heading(page, "5,000 credits added")
    assert "503" in complaints.heard.pop()


def test_the_pause_between_two_looks_grows(open_page: OpenPage, shop: Sandbox, buyer: User) -> None:
    page = open_page(buyer)
    go_to_checkout(page)
    pay_by_bank(page)
    assert looks_every(page) == "every 2s"
    for age, pause in [("30 minutes", "every 15s"), ("3 days", "every 60s")]:
        make_older(age)
        page.reload()
        assert looks_every(page) == pause


def looks_every(page: Page) -> str | None:
    return page.locator("#outcome").get_attribute("hx-trigger")


def make_older(age: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("UPDATE purchases_purchase SET created_at = now() - %s::interval", [age])
