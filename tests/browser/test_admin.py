"""The back office in a real browser: it keeps its policy, fits on a phone, and its buttons work by dialog."""

from __future__ import annotations

import pytest
from django.db.models import Model
from django.urls import reverse
from playwright.sync_api import expect

from accounts.models import User
from billing.inbox.models import InboxEvent
from billing.packages.models import CustomAmount, Package
from billing.purchases.models import Purchase
from credits.ledger.models import Entry
from tests.admin.pages import add_to, history_of, list_of, page_of
from tests.admin.rows import READ_ONLY, Books, make_books, make_inbox_event, make_purchase
from tests.browser.barriers import LOOKS
from tests.browser.walking import OpenPage, press
from tests.returns.owing import held_back
from tests.support.builders import UserFactory, start
from tests.support.sandbox import Sandbox

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def every_page(books: Books) -> list[str]:
    models: list[type[Model]] = [*READ_ONLY, Package, User]
    return [
        reverse("admin:index"),
        "/admin/credits/",
        *map(list_of, models),
        *(page_of(books.row(model)) for model in models),
        page_of(books.package, "history"),
        add_to(Package),
        add_to(CustomAmount),
        reverse("admin:auth_group_add"),
    ]


@pytest.mark.parametrize(("width", "scheme"), LOOKS)
def test_no_page_breaks_its_policy_or_scrolls_sideways(
    open_page: OpenPage, staff: User, width: int, scheme: str
) -> None:
    books = make_books()
    make_purchase(attention="amount_differs", attention_detail="paid $45.00, priced $44.00")
    make_inbox_event(None, status="failed", note="MalformedStripeObject: it lacks a field that we need " * 4)
    page = open_page(staff, viewport={"width": width, "height": 900}, color_scheme=scheme)

    for url in every_page(books):
        page.goto(url)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, url


def test_fulfilment_is_run_again_by_dialog(open_page: OpenPage, shop: Sandbox, staff: User) -> None:
    started = start(UserFactory.create())
    shop.pay(started.session_id)
    page = open_page(staff)
    page.goto(page_of(started.purchase))

    press(page, "Re-check payment", "Re-check")

    expect(page.get_by_text("Done. Status: Completed.")).to_be_visible()
    assert Purchase.objects.get().status == "completed"
    assert Entry.objects.count() == 1
    assert history_of(started.purchase) == [("stella", "Re-checked payment: completed")]


def test_a_payment_that_was_not_credited_is_refunded_by_dialog(
    open_page: OpenPage, shop: Sandbox, staff: User
) -> None:
    shop.hold_webhooks()
    purchase = held_back(shop, UserFactory.create())
    page = open_page(staff)
    page.goto(page_of(purchase))

    press(page, "Refund payment", "Refund payment")
    expect(page.get_by_text("This field is required.")).to_be_visible()
    page.locator("#dialog").get_by_label("Internal note").fill("Told by mail")
    page.locator("#dialog").get_by_role("button", name="Refund payment").click()

    expect(page.get_by_text("$45.00 refunded. No credits were affected.")).to_be_visible()
    assert Purchase.objects.get().attention == ""
    assert history_of(purchase) == [("stella", "Refunded a payment of $45.00: Told by mail")]


def test_a_hold_is_released_by_dialog_once_it_says_why(open_page: OpenPage, staff: User) -> None:
    books = make_books()
    page = open_page(staff)
    page.goto(page_of(books.hold))

    press(page, "Release", "Release")
    expect(page.get_by_text("This field is required.")).to_be_visible()
    page.locator("#dialog").get_by_label("Reason").fill("The job died")
    page.locator("#dialog").get_by_role("button", name="Release").click()

    expect(page.get_by_text("Released: 20 credits are available again.")).to_be_visible()
    assert history_of(books.hold) == [("stella", "Released 20: The job died")]


def test_a_dialog_that_is_cancelled_does_nothing(open_page: OpenPage, staff: User) -> None:
    event = make_inbox_event(make_purchase(), status="failed")
    page = open_page(staff)
    page.goto(page_of(event))

    page.get_by_role("link", name="Reprocess").click()
    page.locator("#dialog").get_by_text("Cancel").click()

    expect(page.locator("#dialog")).to_be_hidden()
    assert InboxEvent.objects.get().status == "failed"
    assert history_of(event) == []


def test_failed_events_are_chosen_and_applied_again_together(open_page: OpenPage, staff: User) -> None:
    events = [make_inbox_event(make_purchase(), status="failed") for _ in range(2)]
    page = open_page(staff)
    page.goto(list_of(InboxEvent))

    page.locator("#action-toggle").check()
    page.locator("select[name=action]").select_option(label="Reprocess failed events")
    page.get_by_role("button", name="Run").click()

    expect(page.get_by_text("2 events processed.")).to_be_visible()
    assert Entry.objects.count() == 2
    assert [history_of(event) for event in events] == [[("stella", "Reprocessed: applied")]] * 2


def test_a_package_is_repriced_and_synced(open_page: OpenPage, shop: Sandbox, staff: User) -> None:
    package = Package.objects.get(code="standard")
    page = open_page(staff)
    page.goto(page_of(package))

    page.locator("#id_price").fill("44.00")
    page.get_by_role("button", name="Save and continue editing").click()
    expect(page.get_by_text("was changed successfully")).to_be_visible()
    press(page, "Sync to Stripe", "Sync")

    expect(page.get_by_text("of $44.00 for Standard Pack")).to_be_visible()
    assert {price["unit_amount"] for price in shop.objects("price")} == {4400}
