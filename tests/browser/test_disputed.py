"""A card whose payments are disputed at once buys no credits: what a buyer then sees."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from accounts.models import User
from billing.purchases.models import Purchase
from tests.browser.walking import OpenPage, credits_of, expect_heading, go_to_checkout, pay_by_card
from tests.support.sandbox import Sandbox

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

DISPUTED_AT_ONCE = "4000 0000 0000 0259"


def test_the_credits_of_a_payment_that_is_disputed_at_once_are_frozen(
    open_page: OpenPage, shop: Sandbox, buyer: User
) -> None:
    page = open_page(buyer)
    for _ in range(2):
        go_to_checkout(page)
        pay_by_card(page, DISPUTED_AT_ONCE)
        shop.release_webhooks(concurrency=4)
        shop.wait_for_webhooks()
        page.reload()
        expect_heading(page, "Your bank reversed this payment")

    assert set(Purchase.objects.values_list("status", flat=True)) == {"disputed"}
    assert credits_of(buyer) == 0
    page.goto("/credits/")
    expect(page.get_by_label("Your balance")).to_contain_text("0")
    page.goto("/credits/history")
    expect(page.get_by_role("row", name="Disputed")).to_have_count(2)
