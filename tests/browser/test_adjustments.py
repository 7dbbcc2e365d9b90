"""Credits are given by dialog, and above the limit a second person approves: in a real browser."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from accounts.models import User
from credits.adjustments.models import Adjustment
from credits.ledger.models import Account
from tests.admin.pages import page_of
from tests.browser.walking import OpenPage
from tests.credits.adjusting import LIMIT
from tests.credits.builders import funded, numbers
from tests.support.builders import UserFactory

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture(autouse=True)
def limit(settings: Any) -> None:
    settings.ADJUSTMENT_APPROVAL_ABOVE = LIMIT


@pytest.fixture
def account(transactional_db: None) -> Account:
    return funded(100)


def make_superuser(name: str) -> User:
    user: User = UserFactory.create(username=name, is_staff=True, is_superuser=True)
    return user


def fill_in(page: Page, account: Account, amount: str, reason: str) -> None:
    page.goto(page_of(account))
    page.get_by_role("link", name="Adjust credits").click()
    page.locator("#dialog").get_by_label("Credits").fill(amount)
    page.locator("#dialog").get_by_label("Reason").fill(reason)


def confirm(page: Page, button: str) -> None:
    page.locator("#dialog").get_by_role("button", name=button).click()


def test_credits_are_given_by_dialog_and_the_buyer_reads_why(open_page: OpenPage, account: Account) -> None:
    page = open_page(make_superuser("stella"))
    fill_in(page, account, "0.0000001", "Sorry for the outage")
    page.locator("#dialog").get_by_label("Last day").fill("2099-12-31")
    confirm(page, "Adjust")
    expect(page.locator("#dialog")).to_contain_text("0.000001")  # what is wrong, beside what was filled in

    page.locator("#dialog").get_by_label("Credits").fill("2.5")
    confirm(page, "Adjust")

    expect(page.get_by_text("Adjusted by +2.5 credits.")).to_be_visible()
    owner = account.owner
    assert owner is not None
    statement = open_page(owner)
    statement.goto("/credits/statement/")
    row = statement.get_by_role("row", name="Adjustment")
    expect(row).to_contain_text("Sorry for the outage")
    expect(row).not_to_contain_text("stella")


def test_above_the_limit_a_second_person_approves(open_page: OpenPage, account: Account) -> None:
    first = open_page(make_superuser("stella"))
    fill_in(first, account, "5000", "A prize")
    confirm(first, "Adjust")
    expect(first.get_by_text("are awaiting approval by a second person")).to_be_visible()
    expect(first.get_by_role("link", name="Approve")).to_have_count(0)

    second = open_page(make_superuser("sam"))
    second.goto("/admin/")
    second.get_by_role("link", name="Adjustments to approve").click()
    second.goto(page_of(Adjustment.objects.get()))
    second.get_by_role("link", name="Approve").click()
    confirm(second, "Approve")

    expect(second.get_by_text("+5,000 credits: applied.")).to_be_visible()
    assert numbers(account) == (5100, 0, 0)


def test_both_ends_of_the_dialog_are_reached_in_a_low_window(open_page: OpenPage, account: Account) -> None:
    page = open_page(make_superuser("stella"), viewport={"width": 1024, "height": 500})
    page.goto(page_of(account))
    page.get_by_role("link", name="Adjust credits").click()

    for text in ("Promotional", "Adjust credits"):
        place = page.locator("#dialog").get_by_text(text, exact=True)
        place.scroll_into_view_if_needed()
        expect(place).to_be_in_viewport(ratio=1)
