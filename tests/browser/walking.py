"""The steps through the pages that several tests take."""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from urllib.parse import parse_qs, urlsplit

from playwright.sync_api import Locator, Page, expect

from accounts.models import User
from credits.ledger.selectors import get_balance

CHECKOUT = re.compile(r"/c/pay/")
SUCCESS = re.compile(r"/credits/success\?session_id=cs_test_")
SETTLES_MS = 12_000


def buy_button(page: Page, package: str = "Standard") -> Locator:
    return page.get_by_role("button", name=re.compile(f"^Buy {package}"))


def go_to_checkout(page: Page, package: str = "Standard") -> str:
    """From the shop to Stripe's page. Gives the session's id."""
    page.goto("/credits/")
    buy_button(page, package).click()
    page.wait_for_url(CHECKOUT)
    return urlsplit(page.url).path.rsplit("/", 1)[1]


def pay_by_card(page: Page, number: str = "4242 4242 4242 4242") -> None:
    page.fill("#card-number", number)
    page.fill("#expiry", "12 / 34")
    page.fill("#cvc", "123")
    page.get_by_role("button", name="Pay").click()
    page.wait_for_url(SUCCESS)


def pay_by_bank(page: Page) -> None:
    page.check("#method-sepa_debit")
    page.get_by_role("button", name="Pay").click()
    page.wait_for_url(SUCCESS)


def expect_heading(page: Page, text: str) -> None:
    expect(page.get_by_role("heading", level=1)).to_have_text(text, timeout=SETTLES_MS)


def expect_receipt(page: Page, term: str, value: str) -> None:
    """The line of the success page's receipt that begins with ``term``."""
    expect(page.locator(".receipt div", has_text=term).locator("dd")).to_have_text(value)


def session_of(page: Page) -> str:
    return parse_qs(urlsplit(page.url).query)["session_id"][0]


def credits_of(user: User) -> Decimal:
    return get_balance(user).balance


def press(page: Page, button: str, confirm: str) -> None:
    page.get_by_role("link", name=button).click()
    page.locator("#dialog").get_by_role("button", name=confirm).click()


OpenPage = Callable[..., Page]
