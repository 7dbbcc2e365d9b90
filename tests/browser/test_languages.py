"""Every language fits on a phone, also a longer one that is made up, and the one that runs from right to left."""

from __future__ import annotations

from typing import Any

import pytest
from django.conf import settings as django_settings
from playwright.sync_api import Page, expect

from accounts.models import User
from credits.ledger import operations as ledger
from tests.browser.rows import grant_with_hold, make_purchase
from tests.browser.walking import OpenPage
from tests.support.builders import make_saved_card, put_on_sale
from tests.support.pseudo_language import offer_pseudo_language

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

PAGES = ("/credits/", "/credits/billing/", "/credits/history/", "/credits/redeem/")
PHONE = {"width": 390, "height": 844}
# What sticks out of the window, named by its class.
STICKING_OUT = """
() => {
  const room = document.documentElement.clientWidth
  return document.documentElement.scrollWidth === room ? [] : [...document.querySelectorAll("body *")]
    .filter(one => { const box = one.getBoundingClientRect(); return box.right > room + 1 || box.left < -1 })
    .map(one => `${one.tagName} ${one.className}`)
}
"""


@pytest.fixture
def reader(buyer: User, settings: Any) -> User:
    offer_pseudo_language(settings)
    put_on_sale("demo")
    grant_with_hold(buyer, 16_050, 1_200)
    make_saved_card(ledger.open_account(buyer))
    make_purchase(buyer, "completed")
    return buyer


def choose(page: Page, code: str) -> None:
    """Choose a language at the foot of the page, without any script."""
    page.locator("#id_language").select_option(code)
    page.locator(".language-form button").click()
    expect(page.locator(f"html[lang={code}]")).to_be_attached()


def test_no_language_is_wider_than_a_phone(open_page: OpenPage, reader: User) -> None:
    page = open_page(reader, viewport=PHONE)
    page.goto(PAGES[0])
    choose(page, "ar")
    for code, _name in django_settings.LANGUAGES[1:]:  # English: see test_every_page
        User.objects.update(language=code)
        for path in PAGES:
            page.goto(path)
            expect(page.locator("html")).to_have_attribute("dir", "rtl" if code == "ar" else "ltr")
            assert page.evaluate(STICKING_OUT) == [], f"{path} in {code}"
