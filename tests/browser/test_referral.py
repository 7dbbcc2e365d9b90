"""A user copies their own link, with a button or by hand."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import expect

from accounts.models import User
from billing.referrals.referrers import referrer_of
from tests.browser.walking import OpenPage
from tests.referrals.making import REWARD

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.mark.parametrize("javascript", [True, False])
def test_the_link_is_copied_by_a_button_and_can_be_selected_without_javascript(
    open_page: OpenPage, buyer: User, settings: Any, javascript: bool
) -> None:
    settings.REFERRAL_REWARD = REWARD
    page = open_page(buyer, java_script_enabled=javascript)
    page.goto("/credits/billing/")
    link = f"{settings.SITE_URL}/r/{referrer_of(buyer).code}"
    expect(page.get_by_label("Your link")).to_have_value(link)
    button = page.get_by_role("button", name="Copy")
    if not javascript:
        expect(button).to_be_hidden()
        return
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    button.click()
    expect(page.get_by_text("Copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == link
