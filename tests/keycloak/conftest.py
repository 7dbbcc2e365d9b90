"""A real Keycloak as the site's provider, started once, with the realm that go-live.md tells to import."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.core.cache import cache
from playwright.sync_api import BrowserContext, Page
from pytest_django import Settings

from accounts.sign_in.provider_keys import forget_keys
from dev.demo import free_port
from dev.keycloak.server import Keycloak, launch
from dev.processes import Processes
from tests.keycloak.administration import Administration
from tests.keycloak.installation import installed_realm
from tests.keycloak.pages import fill_in, open_provider
from tests.support.chromium import browser, open_context
from tests.support.sandbox import Sandbox

__all__ = ["browser", "open_context"]


@pytest.fixture(scope="session")
def keycloak(live_server: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Keycloak]:
    processes = Processes(tmp_path_factory.mktemp("keycloak"))
    try:
        started = launch(processes, free_port(), live_server.url, installed_realm())
        started.wait_until_ready()
        yield started
    finally:
        processes.stop_all()


@pytest.fixture
def administration(keycloak: Keycloak) -> Administration:
    return Administration(keycloak)


@pytest.fixture(autouse=True)
def provider(keycloak: Keycloak, sandbox: Sandbox, settings: Settings, transactional_db: None) -> Keycloak:
    """Keycloak in the place of the sandbox's provider, which still plays Stripe; no keys remembered."""
    settings.OIDC_ISSUER = keycloak.issuer
    directives = settings.CONTENT_SECURITY_POLICY["DIRECTIVES"]
    directives = {**directives, "form-action": [*directives["form-action"], keycloak.url]}
    settings.CONTENT_SECURITY_POLICY = {"DIRECTIVES": directives}
    forget_keys()
    cache.clear()
    return keycloak


@pytest.fixture
def sign_in(open_context: Callable[..., BrowserContext]) -> Callable[..., Page]:
    """Signs somebody in at Keycloak's page, in a browser of their own, on the way to one of our pages."""

    def one(username: str, next_url: str = "/credits/") -> Page:
        page = open_context().new_page()
        open_provider(page, next_url)
        fill_in(page, username)
        return page

    return one
