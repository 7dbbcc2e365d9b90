"""The way to Keycloak's sign-in page, and through it."""

from __future__ import annotations

from playwright.sync_api import Page


def open_provider(page: Page, next_url: str) -> None:
    page.goto(next_url)
    page.get_by_role("link", name="Sign in with").click()


def fill_in(page: Page, username: str) -> None:
    page.get_by_label("Username or email").fill(username)
    page.locator("input[name=password]").fill(username)
    page.get_by_role("button", name="Sign In").click()
