"""API clients in a real browser: a key is made by dialog, shown once, copied, used, and revoked."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from accounts.clients.api_keys import create_key, revoke_key
from accounts.clients.authentication import authenticate_client
from accounts.clients.errors import ApiKeyRevoked
from accounts.clients.models import ApiClient, ApiKey, Scope
from accounts.models import User
from tests.admin.pages import add_to, list_of, page_of
from tests.browser.barriers import LOOKS
from tests.browser.walking import OpenPage, press

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

SECRET = re.compile(r"pck_[0-9a-f]{12}_[0-9a-f]{64}")


@pytest.fixture
def service(transactional_db: None) -> ApiClient:
    return ApiClient.objects.create(name="Worker", oidc_client_id="worker", scopes=Scope.values)


def create(page: Page, name: str) -> None:
    if page.viewport_size and page.viewport_size["width"] < 1024:  # there the buttons are behind one
        page.get_by_text("more_horiz").click()
    page.get_by_role("link", name="Create key").click()
    page.locator("#dialog").get_by_label("Name").fill(name)
    page.locator("#dialog").get_by_role("button", name="Create").click()


@pytest.mark.parametrize(("width", "scheme"), LOOKS)
def test_no_page_breaks_its_policy_or_scrolls_sideways(
    open_page: OpenPage, staff: User, service: ApiClient, width: int, scheme: str
) -> None:
    key = create_key(service, name="production, in the second data centre", scopes=["read", "spend"]).key
    revoke_key(create_key(service, name="old").key)
    page = open_page(staff, viewport={"width": width, "height": 900}, color_scheme=scheme)

    for url in (list_of(ApiClient), add_to(ApiClient), page_of(service), list_of(ApiKey), page_of(key)):
        page.goto(url)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, url
    page.goto(page_of(service))
    create(page, "new")
    expect(page.locator("#dialog").get_by_label("New key")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_a_key_is_made_shown_once_copied_and_used(
    open_page: OpenPage, staff: User, service: ApiClient
) -> None:
    page = open_page(staff, permissions=["clipboard-read", "clipboard-write"])
    page.goto(page_of(service))
    create(page, "production")

    shown = page.get_by_label("New key")
    expect(shown).to_have_value(SECRET)
    secret = shown.input_value()
    page.get_by_role("button", name="Copy").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == secret
    page.get_by_role("link", name="Done").click()

    expect(page.get_by_role("link", name=f"pck_{ApiKey.objects.get().prefix}_")).to_be_visible()
    assert secret not in page.content()
    assert authenticate_client(f"Bearer {secret}").id == service.pk


def test_a_name_that_is_missing_is_asked_for(open_page: OpenPage, staff: User, service: ApiClient) -> None:
    page = open_page(staff)
    page.goto(page_of(service))
    create(page, "")

    expect(page.locator("#dialog").get_by_text("This field is required.")).to_be_visible()
    assert not ApiKey.objects.exists()


def test_a_key_is_revoked_by_dialog(open_page: OpenPage, staff: User, service: ApiClient) -> None:
    new = create_key(service, name="production")
    page = open_page(staff)
    page.goto(page_of(new.key))
    press(page, "Revoke", "Revoke")

    expect(page.get_by_text("Key revoked.")).to_be_visible()
    with pytest.raises(ApiKeyRevoked):
        authenticate_client(f"Bearer {new.secret}")
