"""A real Chromium in front of the live site, and people to sit before it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.test import Client
from playwright.sync_api import BrowserContext, Page

from accounts.models import User
from tests.browser.complaints import Complaints
from tests.browser.walking import OpenPage
from tests.support.builders import UserFactory, put_on_sale
from tests.support.chromium import browser, open_context
from tests.support.sandbox import Sandbox

__all__ = ["browser", "open_context"]


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
