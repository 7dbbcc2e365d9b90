"""The rate card in a real browser: it keeps its policy and fits on a phone, and a price is changed from a date."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from accounts.models import User
from credits.rates.models import Markup, Rate
from tests.admin.pages import add_to, list_of, page_of
from tests.browser.walking import OpenPage
from tests.rates.builders import add_markup, put_rate
from tests.support.builders import UserFactory

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def staff(transactional_db: None) -> User:
    user: User = UserFactory.create(username="stella", is_staff=True, is_superuser=True)
    return user


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_no_page_of_the_card_breaks_its_policy_or_scrolls_sideways(
    open_page: OpenPage, staff: User, width: int, scheme: str
) -> None:
    rate = put_rate("a-model-with-a-rather-long-name-2026-11-21", price="0.000000000001", per=10**9)
    planned = put_rate(effective_from=timezone.now() + timedelta(days=30))
    markup = add_markup(Decimal("12.3456"), provider="example", model="chat-small")
    page = open_page(staff, viewport={"width": width, "height": 900}, color_scheme=scheme)

    pages = [
        page_of(rate),
        page_of(planned),
        page_of(markup),
        page_of(planned, "delete"),
        page_of(rate, "history"),
    ]
    for url in [list_of(Rate), list_of(Markup), add_to(Rate), add_to(Markup), *pages]:
        page.goto(url)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, url


def test_a_price_is_changed_from_a_date(open_page: OpenPage, staff: User) -> None:
    rate = put_rate()
    page = open_page(staff)
    page.goto(page_of(rate))

    page.get_by_role("link", name="Schedule price").click()
    page.get_by_label("Price in credits").fill("1.5")
    page.locator("#id_effective_from_0").fill("2090-01-01")
    page.locator("#id_effective_from_1").fill("00:00")
    page.get_by_role("button", name="Save", exact=True).click()

    expect(page.get_by_text("was added successfully")).to_be_visible()
    expect(page.locator("#result_list").get_by_text("scheduled")).to_be_visible()
    assert list(Rate.objects.order_by("price").values_list("price", flat=True)) == [
        Decimal("1.25"),
        Decimal("1.5"),
    ]
