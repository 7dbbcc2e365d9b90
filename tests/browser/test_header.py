"""Every page's header: who is signed in, and where they may go."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from accounts.models import User
from tests.browser.walking import OpenPage

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def test_the_admin_is_offered_to_staff_alone(open_page: OpenPage, buyer: User) -> None:
    page = open_page(buyer)
    page.goto("/credits/")
    main = page.get_by_role("navigation", name="Main")
    expect(main.get_by_role("link", name="Admin")).to_have_count(0)
    User.objects.update(is_staff=True)
    page.reload()
    expect(main.get_by_role("link", name="Admin")).to_be_visible()


def test_signing_in_by_the_form_and_out_by_the_button(open_page: OpenPage, buyer: User) -> None:
    buyer.set_password("correct horse")
    buyer.save()
    page = open_page()
    page.goto("/credits/history/")
    page.fill("#id_username", "ada")
    page.fill("#id_password", "correct horse")
    page.keyboard.press("Enter")
    page.wait_for_url("**/credits/history/")
    expect(page.get_by_role("banner")).to_contain_text("Ada Lovelace")
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("status")).to_have_text("You’ve signed out.")
    page.goto("/credits/")
    page.wait_for_url("**/accounts/login/?next=/credits/")
