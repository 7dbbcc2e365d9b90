"""The history: filter, pages, empty states. All of it without a script, so one half of the tests runs without."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from accounts.models import User
from billing.purchases.models import Payment, Purchase
from tests.browser.rows import make_purchase
from tests.browser.walking import OpenPage
from tests.support.builders import UserFactory, put_on_sale

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

Status = Purchase.Status


@pytest.fixture
def bought(buyer: User) -> User:
    """23 completed purchases and 2 that failed: two pages, and one page and a bit of the completed ones."""
    put_on_sale()
    for _ in range(23):
        make_purchase(buyer, Status.COMPLETED)
    for _ in range(2):
        make_purchase(buyer, Status.FAILED)
    return buyer


def rows(page: Page) -> Locator:
    return page.locator("tbody tr")


def test_the_filter_shows_one_status(open_page: OpenPage, bought: User) -> None:
    page = open_page(bought, java_script_enabled=False)
    page.goto("/credits/history/")
    page.get_by_label("Status").select_option("Failed")
    page.get_by_role("button", name="Filter").click()
    expect(rows(page)).to_have_count(2)
    expect(rows(page).first).to_contain_text("Failed")
    expect(page.get_by_label("Status")).to_have_value("failed")


def test_turning_the_page_keeps_the_filter(open_page: OpenPage, bought: User) -> None:
    page = open_page(bought, java_script_enabled=False)
    page.goto("/credits/history/?status=completed")
    expect(rows(page)).to_have_count(20)
    page.get_by_role("link", name="Older").click()
    page.wait_for_url(re.compile(r"status=completed.*page=2"))
    expect(rows(page)).to_have_count(3)
    expect(page.locator("[aria-current=page]", has_text="2")).to_be_visible()
    page.get_by_role("link", name="Newer").click()
    expect(rows(page)).to_have_count(20)


def test_every_page_together_lists_every_purchase_once(open_page: OpenPage, bought: User) -> None:
    page = open_page(bought)
    page.goto("/credits/history/")
    shown = payments(page)
    page.get_by_role("link", name="Page 2").click()
    expect(rows(page)).to_have_count(5)
    shown += payments(page)
    bought_in_all = Payment.objects.values_list("stripe_payment_intent_id", flat=True)
    assert sorted(shown) == sorted(bought_in_all)


def payments(page: Page) -> list[str]:
    return page.locator("tbody .reference").all_text_contents()


def test_times_are_utc_for_people_and_for_machines(open_page: OpenPage, bought: User) -> None:
    page = open_page(bought, timezone_id="Pacific/Auckland")
    page.goto("/credits/history/")
    newest = Purchase.objects.latest("created_at").created_at
    time = page.locator("tbody time").first
    expect(time).to_have_attribute("datetime", newest.isoformat())
    expect(time).to_contain_text(f"{newest:%H:%M} UTC")


def test_an_empty_history_says_whether_all_of_it_or_one_status_is_empty(
    open_page: OpenPage, bought: User
) -> None:
    page = open_page(bought)
    page.goto("/credits/history/?status=expired")
    expect(page.get_by_role("heading", name="No purchases with this status")).to_be_visible()
    page.get_by_role("link", name="All purchases").click()
    expect(rows(page)).to_have_count(20)

    newcomer = open_page(UserFactory.create())
    newcomer.goto("/credits/history/")
    expect(newcomer.get_by_role("heading", name="No purchases yet")).to_be_visible()
    newcomer.get_by_role("link", name="Buy credits").click()
    newcomer.wait_for_url("**/credits/?next=%2Fcredits%2Fhistory%2F")


def test_a_page_number_that_is_none_shows_a_page_all_the_same(open_page: OpenPage, bought: User) -> None:
    page = open_page(bought)
    for nonsense, expected in [("zero", 20), ("99", 5)]:
        page.goto(f"/credits/history/?page={nonsense}&status=nonsense")
        expect(rows(page)).to_have_count(expected)
