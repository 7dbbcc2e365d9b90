"""A card is saved with a tick, and then charged with one click, at a bank that asks too."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from accounts.models import User
from billing.customers.methods import shown_methods
from billing.purchases.models import Purchase
from credits.ledger.operations import open_account
from tests.browser.walking import (
    OpenPage,
    credits_of,
    expect_heading,
    expect_receipt,
    go_to_checkout,
    pay_by_card,
)
from tests.support.sandbox import Sandbox

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
ASKS_EACH_TIME = "4000002760003184"
BANK = re.compile(r"/authenticate/")

with_and_without_javascript = pytest.mark.parametrize(
    "javascript", [pytest.param(True, id="javascript"), pytest.param(False, id="no_javascript")]
)


def save_card(page: Page, shop: Sandbox) -> None:
    """By the box on Stripe's page, which isn't ticked at first; then Stripe tells of it."""
    go_to_checkout(page, "Starter")
    expect(page.locator("#save")).not_to_be_checked()
    page.check("#save")
    pay_by_card(page)
    expect_heading(page, "1,000 credits added")
    shop.release_webhooks()
    shop.wait_for_webhooks()
    shop.hold_webhooks()


def click(page: Page, card: str, package: str = "Standard") -> None:
    page.goto("/credits/")
    page.get_by_role("button", name=re.compile(f"Buy with {card}.*{package}")).click()


@with_and_without_javascript
def test_a_saved_card_buys_with_one_click(
    open_page: OpenPage, shop: Sandbox, buyer: User, javascript: bool
) -> None:
    page = open_page(buyer, java_script_enabled=javascript)
    save_card(page, shop)
    click(page, "Visa •••• 4242")
    expect_heading(page, "5,000 credits added")
    expect_receipt(page, "Paid with", "Visa •••• 4242")
    expect_receipt(page, "New balance", "6,000")
    page.reload()
    assert credits_of(buyer) == 6000
    assert Purchase.objects.count() == 2

    page.get_by_role("link", name="View purchases").click()
    expect(page.get_by_role("row", name=re.compile("Standard"))).to_contain_text("Completed")
    page.get_by_role("navigation", name="Main").get_by_role("link", name="Billing").click()
    page.get_by_role("button", name="Remove").click()
    expect(page.get_by_role("status")).to_contain_text("Visa •••• 4242 was removed.")
    assert shown_methods(open_account(buyer)) == []
    page.goto("/credits/")
    expect(page.locator(".offer-card")).to_have_count(0)


def test_a_bank_that_asks_sends_the_buyer_back(open_page: OpenPage, shop: Sandbox, buyer: User) -> None:
    page = open_page(buyer)
    save_card(page, shop)
    shop.replace_card(str(open_account(buyer).customer.stripe_customer_id), ASKS_EACH_TIME)
    shop.release_webhooks()
    shop.wait_for_webhooks()
    shop.hold_webhooks()

    click(page, "Visa •••• 3184")
    page.wait_for_url(BANK)
    page.get_by_role("button", name="Fail").click()
    expect_heading(page, "Payment failed")
    expect(page.locator("main")).to_contain_text("Your bank couldn’t confirm that it was you.")
    assert "secret" not in page.url
    assert credits_of(buyer) == 1000

    page.get_by_role("link", name="Choose a package").click()
    click(page, "Visa •••• 3184")
    page.wait_for_url(BANK)
    page.get_by_role("button", name="Complete").click()
    expect_heading(page, "5,000 credits added")
    assert credits_of(buyer) == 6000
