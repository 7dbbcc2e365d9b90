"""The real sandbox process, our settings pointed at it, and a browser without a screen."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from html import unescape
from typing import Any
from urllib.parse import urljoin

import pytest
import requests
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from accounts.sign_in.provider_keys import forget_keys
from tests.local_world import Sandbox


@pytest.fixture
def sandbox(provider_process: Sandbox) -> Sandbox:
    return provider_process


@pytest.fixture(autouse=True)
def provider(sandbox: Sandbox, settings: Settings) -> Sandbox:
    """The sandbox as on its first day, as our provider; no keys remembered."""
    sandbox.post("/_sandbox/reset")
    settings.OIDC_ISSUER = f"{sandbox.url}/realms/demo"
    settings.LOGIN_REDIRECT_URL = "/accounts/login/"
    forget_keys()
    return sandbox


@dataclass
class Browser:
    """Follows redirects and keeps cookies; `site` is the application."""

    site: str
    http: requests.Session = field(default_factory=requests.Session)

    def get(self, url: str, **options: Any) -> requests.Response:
        return self.http.get(urljoin(self.site, url), timeout=10, **options)

    def submit(
        self, page: requests.Response, url: str | None = None, *, follow: bool = True, **fields: str
    ) -> requests.Response:
        """Send the first form of a page, with these fields filled in."""
        form = re.search(r"<form.*?</form>", page.text, re.DOTALL)
        assert form, page.text
        data = {**_read_hidden(form[0]), **fields}
        address = urljoin(page.url, url or _read_action(form[0]) or page.url)
        return self.http.post(address, data, timeout=10, allow_redirects=follow)

    def open_provider(self, next_url: str = "") -> requests.Response:
        """As far as the provider's sign-in page."""
        return self.get("/oidc/authenticate/", params={"next": next_url} if next_url else {})

    def sign_in(self, username: str = "buyer", next_url: str = "") -> requests.Response:
        """All the way, to the page after the callback."""
        page = self.open_provider(next_url)
        if not page.url.startswith(self.site):
            page = self.submit(page, username=username, password=username)
        return page

    def session_key(self) -> str | None:
        return self.http.cookies.get("credits_session")


def _read_hidden(form: str) -> dict[str, str]:
    pairs = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', form)
    return {name: unescape(value) for name, value in pairs}


def _read_action(form: str) -> str:
    match = re.search(r'action="([^"]+)"', form)
    return unescape(match[1]) if match else ""


@pytest.fixture
def browser(live_server: LiveServer) -> Iterator[Browser]:
    browser = Browser(live_server.url)
    yield browser
    browser.http.close()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whitenoise warns where nobody ran collectstatic, and nobody does for tests."""
    for item in items:
        item.add_marker(pytest.mark.filterwarnings("ignore:No directory at:UserWarning"))
