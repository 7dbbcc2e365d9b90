"""Staff find a customer by a receipt's number and refund the purchase from there: in a real browser."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from accounts.models import User
from billing.purchases.models import Purchase
from billing.receipts.issuing import issue_receipt
from tests.admin.customers.rows import live_through_everything, make_customer, url_of
from tests.browser.barriers import LOOKS
from tests.browser.walking import OpenPage
from tests.returns.selling import buy
from tests.support.builders import UserFactory
from tests.support.sandbox import Sandbox

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def test_a_purchase_is_found_by_its_receipt_and_refunded_on_the_customers_page(
    open_page: OpenPage, shop: Sandbox, staff: User
) -> None:
    purchase = buy(shop, make_customer())
    receipt = issue_receipt(purchase.pk)
    page = open_page(staff)
    page.goto("/admin/")

    page.get_by_label("Find a customer").fill(receipt.number)
    page.get_by_role("button", name="Find").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Customer ada")
    here = page.url
    page.get_by_role("link", name="Refund", exact=True).click()
    page.locator("#dialog").get_by_label("Internal note").fill("Bought by mistake")
    page.locator("#dialog").get_by_role("button", name="Refund").click()

    expect(page.get_by_text("$45.00 refunded, 5,000 credits removed.")).to_be_visible()
    assert page.url == here
    assert Purchase.objects.get().status == "refunded"
    expect(page.get_by_role("region", name="Timeline")).to_contain_text("Bought by mistake")


def test_a_note_is_added_and_a_user_suspended_where_they_are_shown(open_page: OpenPage, staff: User) -> None:
    ada = make_customer()
    page = open_page(staff)
    page.goto(url_of(ada))

    page.get_by_label("New note").fill("Prefers email\nnever calls")
    page.get_by_role("button", name="Add note").click()
    expect(page.get_by_role("region", name="Notes")).to_contain_text("Prefers email")
    page.get_by_role("link", name="Suspend").click()
    page.locator("#dialog").get_by_role("button", name="Suspend").click()

    expect(page.locator(".customer-facts")).to_contain_text("Suspended")
    assert page.url.endswith(url_of(ada))
    expect(page.get_by_role("region", name="Timeline")).to_contain_text("Changed user: Active")


@pytest.mark.parametrize(("width", "scheme"), LOOKS)
def test_no_page_of_customers_breaks_its_policy_or_scrolls_sideways(
    open_page: OpenPage, staff: User, width: int, scheme: str
) -> None:
    ada = make_customer(username="a" * 100, last_name="Lovelace" * 10)
    for _ in range(2):
        live_through_everything(ada, staff)
    empty = UserFactory.create()
    page = open_page(staff, viewport={"width": width, "height": 900}, color_scheme=scheme)

    urls = [url_of(ada), url_of(ada, "customer-timeline"), url_of(empty), "/admin/customers/?q=nobody"]
    for url in (*urls, "/admin/customers/?q=b", "/admin/customers/?q=a"):
        page.goto(url)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, url
