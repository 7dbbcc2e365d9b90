"""A real Chromium in front of the live site, and people to sit before it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.test import Client
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from accounts.models import User
from tests.browser.complaints import Complaints
from tests.browser.walking import OpenPage
from tests.support.builders import UserFactory, put_on_sale
from tests.support.programs import needed
from tests.support.sandbox import Sandbox

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PATIENCE_MS = 10_000


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    executable = needed("chromium")
    with pytest.MonkeyPatch.context() as patch, sync_playwright() as playwright:
        # Playwright keeps an event loop in this thread, in which Django would refuse to speak to the database.
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
        chromium = playwright.chromium.launch(executable_path=executable, args=ARGUMENTS)
        yield chromium
        chromium.close()


@pytest.fixture
def open_context(browser: Browser, live_server: Any) -> Iterator[Callable[..., BrowserContext]]:
    """Makes browser profiles whose addresses start at the site."""
    contexts: list[BrowserContext] = []

    def open_one(**options: Any) -> BrowserContext:
        context = browser.new_context(base_url=live_server.url, reduced_motion="reduce", **options)
        context.set_default_timeout(PATIENCE_MS)
        contexts.append(context)
        return context

    yield open_one
    for context in contexts:
        context.close()


@pytest.fixture
def complaints() -> Complaints:
    return Complaints()


@pytest.fixture
def open_page(
    open_context: Callable[..., BrowserContext], complaints: Complaints, live_server: Any
) -> Iterator[OpenPage]:
    """A page for somebody who is signed in already, or for nobody. At the end no page may have complained."""

    def open_one(user: User | None = None, **options: Any) -> Page:
        context = open_context(**options)
        if user is not None:
            sign_in(context, user, live_server.url)
        page = context.new_page()
        complaints.listen_to(page, live_server.url)
        return page

    yield open_one
    complaints.expect_none()


def sign_in(context: BrowserContext, user: User, url: str) -> None:
    client = Client()
    client.force_login(user, backend=django_settings.PASSWORD_BACKEND)
    name = django_settings.SESSION_COOKIE_NAME
    context.add_cookies([{"name": name, "value": client.cookies[name].value, "url": url}])


@pytest.fixture
def buyer(live_server: Any, transactional_db: None) -> User:
    user: User = UserFactory.create(
        username="ada", first_name="Ada", last_name="Lovelace", email="ada@example.com"
    )
    return user


@pytest.fixture
def shop(sandbox: Sandbox, transactional_db: None) -> Iterator[Sandbox]:
    """Packs on sale, and a Stripe whose webhooks wait: what a page shows, it found out by itself."""
    put_on_sale()
    sandbox.hold_webhooks()
    yield sandbox
    sandbox.post("/_sandbox/reset")


@pytest.fixture
def staff(transactional_db: None) -> User:
    user: User = UserFactory.create(username="stella", is_staff=True, is_superuser=True)
    return user
