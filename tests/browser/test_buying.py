"""From the shop through Stripe's page and back."""

from __future__ import annotations

import re
import time
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from accounts.models import User
from billing.packages.models import Package
from billing.purchases.models import Purchase
from tests.browser.walking import (
    CHECKOUT,
    SUCCESS,
    OpenPage,
    buy_button,
    credits_of,
    expect_heading,
    expect_receipt,
    go_to_checkout,
    pay_by_card,
)
from tests.support.sandbox import Sandbox

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

with_and_without_javascript = pytest.mark.parametrize(
    "javascript", [pytest.param(True, id="javascript"), pytest.param(False, id="no_javascript")]
)


@with_and_without_javascript
def test_a_pack_that_is_paid_for_is_in_the_balance_and_in_the_history(
    open_page: OpenPage, shop: Sandbox, buyer: User, javascript: bool
) -> None:
    page = open_page(buyer, java_script_enabled=javascript)
    go_to_checkout(page)
    pay_by_card(page)

    expect_heading(page, "5,000 credits added")
    purchase = Purchase.objects.get()
    expect_receipt(page, "Amount paid", "$45.00")
    expect_receipt(page, "Paid with", "Visa •••• 4242")
    expect_receipt(page, "Payment ID", purchase.stripe_payment_intent_id or "")
    assert credits_of(buyer) == 5000

    page.get_by_role("link", name="View purchases").click()
    row = page.get_by_role("row", name=re.compile("Standard"))
    expect(row).to_contain_text("$45.00")
    expect(row).to_contain_text("Completed")
    page.get_by_role("navigation", name="Main").get_by_role("link", name="Credits").click()
    expect(page.get_by_label("Your balance")).to_contain_text("5,000")


def test_the_webhook_and_the_success_page_together_credit_once(
    open_page: OpenPage, shop: Sandbox, buyer: User
) -> None:
    page = open_page(buyer)
    go_to_checkout(page)
    pay_by_card(page)
    expect_heading(page, "5,000 credits added")
    shop.release_webhooks()
    shop.wait_for_webhooks()
    page.reload()
    expect_receipt(page, "New balance", "5,000")
    assert credits_of(buyer) == 5000


def test_a_double_click_on_buy_makes_one_purchase(open_page: OpenPage, shop: Sandbox, buyer: User) -> None:
    page = open_page(buyer)
    page.goto("/credits/")
    buy_button(page).dblclick(no_wait_after=True)
    page.wait_for_url(CHECKOUT)
    assert Purchase.objects.count() == 1
    assert len(shop.objects("checkout.session")) == 1


def test_buy_pressed_again_while_the_first_press_is_at_stripe_makes_one_purchase(
    open_page: OpenPage, shop: Sandbox, buyer: User
) -> None:
    """The server's half of the rule: without JavaScript nothing keeps the button from being pressed."""
    page = open_page(buyer, java_script_enabled=False)
    page.goto("/credits/")
    shop.fault(method="POST", path="/v1/checkout/sessions", delay_ms=1500, times=2)
    button = buy_button(page).bounding_box()
    assert button is not None
    # By the mouse: a locator would wait for the first press to lead somewhere.
    page.mouse.click(button["x"] + 9, button["y"] + 9)
    wait_until(Purchase.objects.exists)
    page.mouse.click(button["x"] + 9, button["y"] + 9)
    expect(page.get_by_role("status")).to_contain_text("Your checkout is opening")
    wait_until(Purchase.objects.exclude(stripe_session_id=None).exists)
    assert Purchase.objects.count() == 1
    assert len(shop.objects("checkout.session")) == 1
    page.reload()
    page.get_by_role("link", name="Continue payment (Standard Pack)").click()
    page.wait_for_url(CHECKOUT)


def wait_until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 8
    while not is_so():
        assert time.monotonic() < deadline, is_so
        time.sleep(0.05)


def test_buy_says_that_it_is_opening_and_cannot_be_pressed_again_until_the_page_comes_back(
    open_page: OpenPage, shop: Sandbox, buyer: User
) -> None:
    page = open_page(buyer)
    page.goto("/credits/")
    # A server that doesn't answer: the form is held back after the page's own script saw it go.
    page.evaluate("document.addEventListener('submit', (event) => event.preventDefault())")
    buy_button(page).click()
    opening = page.get_by_role("button", name="Opening checkout…")
    expect(opening).to_be_disabled()
    expect(buy_button(page, "Pro")).to_be_disabled()

    # What a browser says when it shows a page again as it was left.
    page.evaluate("window.dispatchEvent(new PageTransitionEvent('pageshow', {persisted: true}))")
    expect(opening).to_have_count(0)
    expect(buy_button(page)).to_be_enabled()
    expect(buy_button(page, "Pro")).to_be_enabled()


def test_leaving_the_checkout_charges_nothing_and_says_so(
    open_page: OpenPage, shop: Sandbox, buyer: User
) -> None:
    page = open_page(buyer)
    go_to_checkout(page)
    page.get_by_role("link", name="Back", exact=True).click()
    page.wait_for_url("**/credits/")
    expect(page.get_by_role("status")).to_have_text("Checkout cancelled. Nothing was charged.")
    assert credits_of(buyer) == 0
    page.reload()
    expect(page.get_by_text("Checkout cancelled")).to_have_count(0)


def test_an_open_checkout_can_be_continued_from_the_page(
    open_page: OpenPage, shop: Sandbox, buyer: User
) -> None:
    page = open_page(buyer)
    go_to_checkout(page)
    page.goto("/credits/")
    page.get_by_role("link", name="Continue payment (Standard Pack)").click()
    page.wait_for_url(CHECKOUT)
    pay_by_card(page)
    expect_heading(page, "5,000 credits added")
    assert Purchase.objects.count() == 1


def test_a_page_brought_back_after_paying_sells_a_second_pack(
    open_page: OpenPage, shop: Sandbox, buyer: User
) -> None:
    page = open_page(buyer)
    page.goto("/credits/")
    left_open = page.context.new_page()
    left_open.goto("/credits/")
    for tab in (page, left_open):
        buy_button(tab).click()
        tab.wait_for_url(CHECKOUT)
        pay_by_card(tab)
        expect_heading(tab, "5,000 credits added")
    assert credits_of(buyer) == 10_000


def test_a_pack_that_went_off_sale_meanwhile_is_refused_with_words(
    open_page: OpenPage, shop: Sandbox, buyer: User
) -> None:
    page = open_page(buyer)
    page.goto("/credits/")
    Package.objects.filter(code="standard").update(is_active=False)
    buy_button(page).click()
    expect(page.get_by_role("alert")).to_contain_text("no longer on sale")
    expect(buy_button(page)).to_have_count(0)
    assert not Purchase.objects.exists()


def test_a_pack_can_be_bought_with_the_keyboard_alone(
    open_page: OpenPage, shop: Sandbox, buyer: User
) -> None:
    page = open_page(buyer)
    page.goto("/credits/")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#content")).to_be_focused()
    tab_to(page, "button", "Buy Standard")
    assert_focus_is_visible(page)
    page.keyboard.press("Enter")

    page.wait_for_url(CHECKOUT)
    for field, text in [("card-number", "4242424242424242"), ("expiry", "1234"), ("cvc", "123")]:
        tab_to(page, "input", field)
        page.keyboard.type(text)
    page.keyboard.press("Enter")

    page.wait_for_url(SUCCESS)
    expect_heading(page, "5,000 credits added")
    tab_to(page, "a", "View purchases")
    assert_focus_is_visible(page)
    page.keyboard.press("Enter")
    page.wait_for_url("**/credits/history/")


def tab_to(page: Page, tag: str, text_or_id: str) -> None:
    """Presses Tab until the focus is on the element with this tag, and this id or beginning of its text."""
    reached = "([tag, wanted]) => { const at = document.activeElement; return at.localName === tag"
    reached += " && (at.id === wanted || at.textContent.trim().startsWith(wanted)); }"
    for _ in range(40):
        if page.evaluate(reached, [tag, text_or_id]):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"Tab never reached {tag} {text_or_id}")


def assert_focus_is_visible(page: Page) -> None:
    outline = "parseFloat(getComputedStyle(document.activeElement).outlineWidth)"
    style = "getComputedStyle(document.activeElement).outlineStyle"
    assert page.evaluate(style) != "none"
    assert page.evaluate(outline) >= 2
