"""Statement and gifts in the browser: read, filtered, given, and free of barriers in every state."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from accounts.models import User
from credits.gifts import giving as gifts
from credits.ledger import operations as ledger
from credits.ledger.models import Entry
from credits.ledger.selectors import get_balance
from credits.notices.low_balance import find_crossings, set_threshold
from tests.browser.barriers import expect_no_barriers
from tests.browser.walking import OpenPage, expect_heading
from tests.credits_pages.builders import book, make_long
from tests.support.builders import UserFactory

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

LONG_ADDRESS = "grace.with.a.very.long.address@subdomain.example.com"


@pytest.fixture
def grace() -> User:
    user: User = UserFactory.create(username="grace", email=LONG_ADDRESS)
    return user


@pytest.fixture
def past(buyer: User, grace: User) -> None:
    """An account in which everything that the statement can show is there: long names, large and tiny numbers."""
    account, now = ledger.open_account(buyer), timezone.now()
    book(account, "900000000000000000.123456", now - timedelta(days=70), reference="f1047d28")
    book(
        account,
        "250.5",
        now - timedelta(days=40),
        kind=Entry.Kind.PROMOTION,
        expires_at=now + timedelta(hours=5),
    )
    for day in range(35, 0, -1):
        book(account, -day, now - timedelta(days=day), reference=f"job-{day}")
    book(account, "-0.000001", reference="a-very-long-reference-without-any-break-" + "x" * 150)
    gifts.give(buyer, grace, Decimal("120.5"), "Thank you!\n" + "W" * 120, "a")
    gifts.give(grace, buyer, Decimal(12), "", "b")
    ledger.hold(account.pk, Decimal(300), key="h", expires_in=timedelta(hours=2))
    set_threshold(buyer, None, Decimal(999999999999999999))
    find_crossings()


def statement(page: Page) -> None:
    page.goto("/credits/statement/")


def older(page: Page) -> None:
    page.goto("/credits/statement/?before=20")


def nothing_found(page: Page) -> None:
    page.goto("/credits/statement/?kind=refund")


def threshold_refused(page: Page) -> None:
    statement(page)
    page.get_by_label("Email me when my balance").fill("many")
    page.locator("#low-balance").get_by_role("button").click()
    expect(page.locator("#id_threshold-error")).to_be_visible()


def gift(page: Page) -> None:
    page.goto("/credits/gift/")


def gift_refused(page: Page) -> None:
    gift(page)
    fill_gift(page, "nobody@example.com", "1" + "0" * 30)
    expect(page.locator("#id_email-error")).to_be_visible()


def gift_confirmed(page: Page) -> None:
    gift(page)
    fill_gift(page, LONG_ADDRESS, "12.5")
    expect_heading(page, "Send 12.5 credits?")


def fill_gift(page: Page, email: str, amount: str) -> None:
    page.get_by_label("Recipient’s email").fill(email)
    page.get_by_label("Credits").fill(amount)
    page.get_by_label("Message").fill("Hello\nthere")
    page.get_by_role("button", name="Continue").click()


PAGES: dict[str, Callable[[Page], None]] = {
    "statement": statement,
    "older": older,
    "nothing_found": nothing_found,
    "threshold_refused": threshold_refused,
    "gift": gift,
    "gift_refused": gift_refused,
    "gift_confirmed": gift_confirmed,
}


@pytest.mark.usefixtures("past")
@pytest.mark.parametrize("name", PAGES)
def test_a_page_of_credits_has_no_barrier_and_scrolls_one_way(
    open_page: OpenPage, buyer: User, name: str
) -> None:
    page = open_page(buyer)
    PAGES[name](page)
    expect_no_barriers(page)


def test_an_empty_statement_has_no_barrier(open_page: OpenPage, buyer: User) -> None:
    page = open_page(buyer)
    statement(page)
    expect(page.get_by_text("No activity yet")).to_be_visible()
    expect_no_barriers(page)


@pytest.mark.parametrize(
    "javascript", [pytest.param(True, id="htmx"), pytest.param(False, id="without_javascript")]
)
def test_filters_and_pages_lead_through_the_history(
    open_page: OpenPage, buyer: User, javascript: bool
) -> None:
    make_long(ledger.open_account(buyer), 250, timezone.now(), seconds_apart=20_000)
    page = open_page(buyer, java_script_enabled=javascript)
    statement(page)
    rows = page.locator(".entries-table tbody tr")
    expect(rows).to_have_count(30)
    page.get_by_role("link", name="Older").click()
    expect(page.locator(".reference").first).to_have_text("job-220")
    page.get_by_role("link", name="Newer").click()
    expect(page.locator(".reference").first).to_have_text("job-250")
    page.get_by_label("Type").select_option("Purchase")
    page.get_by_role("button", name="Filter").click()
    expect(rows).to_have_count(3)
    assert "kind=purchase" in page.url
    page.reload()
    expect(rows).to_have_count(3)
    page.get_by_role("link", name="Show all").click()
    expect(rows).to_have_count(30)
    page.go_back()
    expect(rows).to_have_count(3)
    with page.expect_download() as download:
        page.get_by_role("link", name="Download CSV").click()
    assert download.value.suggested_filename == "statement.csv"
    assert len(download.value.path().read_text().splitlines()) == 1 + 3


@pytest.mark.usefixtures("past")
def test_the_chart_says_what_it_shows_to_those_who_dont_see_it(open_page: OpenPage, buyer: User) -> None:
    page = open_page(buyer)
    statement(page)
    chart = page.get_by_role("img", name="Daily closing balance")
    expect(chart).to_be_visible()
    expect(page.locator("#chart-desc")).to_contain_text("lowest 899,999,999,999,999,512.123455")
    page.get_by_text("Show as table").click()
    expect(page.get_by_role("region", name="Daily closing balance").get_by_role("row")).to_have_count(31)


def test_a_gift_is_given_and_seen_on_both_statements(open_page: OpenPage, buyer: User, grace: User) -> None:
    book(ledger.open_account(buyer), 1000)
    page = open_page(buyer)
    statement(page)
    page.get_by_role("link", name="Send credits").click()
    fill_gift(page, LONG_ADDRESS, "12.5")
    page.get_by_role("button", name="Edit").click()
    page.get_by_label("Credits").fill("20.25")
    page.get_by_role("button", name="Continue").click()
    expect_heading(page, "Send 20.25 credits?")
    page.get_by_role("button", name="Send", exact=True).dblclick(no_wait_after=True)
    expect(page.get_by_role("status")).to_have_text(f"You sent 20.25 credits to {LONG_ADDRESS}.")
    expect(page.locator(".entries-table")).to_contain_text(f"Gift sent to {LONG_ADDRESS}")
    assert get_balance(buyer).balance == Decimal("979.75")
    other = open_page(grace)
    statement(other)
    expect(other.locator(".entries-table")).to_contain_text("Gift received from ada@example.com")
    expect(other.locator(".balance-available")).to_contain_text("20.25")


def test_the_banner_comes_with_a_low_balance_and_can_be_hidden(open_page: OpenPage, buyer: User) -> None:
    book(ledger.open_account(buyer), 40)
    page = open_page(buyer)
    statement(page)
    page.get_by_label("Email me when my balance").fill("50")
    page.locator("#low-balance").get_by_role("button").click()
    expect(page.get_by_role("status")).to_contain_text("drops below 50 credits")
    find_crossings()
    page.goto("/credits/")
    banner = page.get_by_role("complementary", name="Low balance")
    expect(banner).to_contain_text("40 credits available")
    banner.get_by_role("button", name="Hide").click()
    expect(banner).to_have_count(0)


def test_times_follow_the_chosen_zone(open_page: OpenPage, buyer: User) -> None:
    book(ledger.open_account(buyer), 40)
    page = open_page(buyer)
    statement(page)
    page.get_by_label("Show times in").select_option("Asia/Kolkata")
    page.locator("section", has_text="Show times in").get_by_role("button").click()
    expect(page.get_by_role("status")).to_have_text("Time zone saved.")
    expect(page.locator(".entries-table time").first).to_contain_text("IST")
