"""Choosing an amount: the credits appear while typing, or by a button without JavaScript. What is shown is bought."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from accounts.models import User
from billing.purchases.models import Purchase
from tests.browser.walking import (
    CHECKOUT,
    OpenPage,
    credits_of,
    expect_heading,
    expect_receipt,
    pay_by_card,
)
from tests.support.sandbox import Sandbox

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

FIELD, ANSWER = "Amount in USD", "#amount-answer-usd"


def see_credits(page: Page, amount: str, javascript: bool) -> None:
    page.get_by_label(FIELD).fill(amount)
    if not javascript:
        page.get_by_role("button", name="See credits").click()


@pytest.mark.parametrize("javascript", [True, False], ids=["javascript", "no_javascript"])
def test_an_amount_is_chosen_corrected_and_bought(
    open_page: OpenPage, shop: Sandbox, buyer: User, javascript: bool
) -> None:
    page = open_page(buyer, java_script_enabled=javascript)
    page.goto("/credits/")
    expect(page.get_by_role("button", name="See credits")).to_have_count(0 if javascript else 1)
    expect(page.get_by_role("button", name="Buy for")).to_have_count(0)

    see_credits(page, "4.5", javascript)
    expect(page.locator(ANSWER)).to_contain_text("The minimum is $5.00.")
    see_credits(page, "37.50", javascript)
    expect(page.locator(ANSWER)).to_contain_text("3,750 credits")
    assert page.url.endswith("/credits/") is javascript, "with JavaScript the page stays"
    page.get_by_role("button", name="Buy for $37.50").click()
    page.wait_for_url(CHECKOUT)
    pay_by_card(page)

    expect_heading(page, "3,750 credits added")
    expect_receipt(page, "Amount paid", "$37.50")
    assert Purchase.objects.get().package_name == "Custom amount"
    assert credits_of(buyer) == 3750


def test_the_button_is_off_until_it_is_the_fields_amount_again(
    open_page: OpenPage, shop: Sandbox, buyer: User
) -> None:
    page = open_page(buyer)
    page.goto("/credits/")
    see_credits(page, "20", javascript=True)
    old = page.get_by_role("button", name="Buy for $20.00")
    expect(old).to_be_enabled()
    page.route("**/credits/amount?**", lambda route: None)  # an answer that doesn't come
    page.get_by_label(FIELD).fill("200")
    expect(old).to_be_disabled()

    page.unroute("**/credits/amount?**")
    page.get_by_label(FIELD).fill("30")
    expect(page.get_by_role("button", name="Buy for $30.00")).to_be_enabled()
    page.get_by_label(FIELD).press("Enter")
    expect(page.locator(ANSWER)).to_contain_text("3,000 credits")
    page.get_by_role("button", name="Buy for $30.00").dblclick(no_wait_after=True)
    page.wait_for_url(CHECKOUT)
    assert [purchase.price_minor for purchase in Purchase.objects.all()] == [3000]

    page.go_back()
    expect(page.get_by_role("button", name="Buy Standard")).to_be_enabled()
