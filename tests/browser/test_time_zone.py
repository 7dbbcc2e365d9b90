"""A person's clock: the browser's at first, then their own, on pages and in the back office."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from accounts.models import User
from billing.purchases.models import Purchase
from tests.browser.rows import make_purchase
from tests.browser.walking import OpenPage
from tests.support.builders import put_on_sale

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def sign_in(page: Page, address: str) -> None:
    page.goto(address)
    page.fill("#id_username", "ada")
    page.fill("#id_password", "correct horse")
    page.locator("form:has(#id_password) button").click()
    page.wait_for_url(f"**{address}")


def test_the_first_page_after_the_first_sign_in_is_on_the_browsers_clock(
    open_page: OpenPage, buyer: User
) -> None:
    put_on_sale()
    buyer.set_password("correct horse")
    buyer.is_staff = buyer.is_superuser = True
    buyer.save()
    purchase = make_purchase(buyer, Purchase.Status.COMPLETED)

    page = open_page(timezone_id="Asia/Tokyo")
    sign_in(page, "/credits/history/")
    expect(page.locator("td time").first).to_contain_text("JST")
    page.goto(f"/credits/success?session_id={purchase.stripe_session_id}")
    expect(page.locator(".receipt time")).to_contain_text("JST")
    page.goto("/admin/")
    expect(page.get_by_text("Times in Asia/Tokyo")).to_be_visible()

    travelling = open_page(timezone_id="America/New_York")
    sign_in(travelling, "/credits/history/")
    expect(travelling.locator("td time").first).to_contain_text("JST")
    travelling.goto("/credits/statement/")
    form = travelling.get_by_role("region", name="Time zone")
    form.get_by_label("Show times in").select_option("Browser’s time zone")
    form.get_by_role("button", name="Save").click()
    expect(form).to_contain_text("in America/New_York")
    page.goto("/credits/history/")
    expect(page.locator("td time").first).to_contain_text(re.compile("E[SD]T"))
